-- What each role may do, given anew by the owner of the tables whenever this text or the set of roles
-- changes. A role that there is not is left out: make it (CREATE ROLE … LOGIN), and open the store once
-- more as the owner. Nobody may change or delete a row of the record; the views that may change are
-- each changed by the one role that keeps them.
--
--   intake     appends what is heard; reads who may speak and what was heard, of events only the leaves
--   scorer     reads what is held, writes dossiers, and acts on them
--   reviewer   reads what is held, freezes requests, votes
--   releaser   reads what is held, records what left, signs checkpoints
--   operator   registers, takes back, sends dead letters through the door again
--   exporter   reads what has left, and nothing else

DO $$
DECLARE
    everything text :=
        'source, event, identity, period, act, tile, checkpoint, entry, dead_letter, loss, member,'
        ' revoked, erased, erased_letter, stream, dossier, pass, dead_kept, tally, span, gate,'
        ' migration, granted, lease, retired, concordance';
    heard text :=
        'source, identity, period, act, tile, checkpoint, entry, dead_letter, loss, stream, dead_kept,'
        ' tally, span, gate, migration, granted, lease, retired';
    kept text := 'stream, dead_kept, tally, span';
    rights text[] := ARRAY[
        -- role, right, on
        'intake', 'SELECT', heard,
        'intake', 'SELECT (idx, leaf)', 'event',
        'intake', 'INSERT', 'source, event, identity, act, tile, entry, dead_letter, loss',
        'intake', 'INSERT, UPDATE', kept,
        'intake', 'DELETE', 'span',
        'intake', 'EXECUTE', 'FUNCTION open_period(bigint), heard(text, text[], text[], bytea[])',
        'scorer', 'SELECT', everything,
        'scorer', 'INSERT', 'act, tile',
        'scorer', 'INSERT, UPDATE', 'dossier, lease',
        'scorer', 'INSERT, DELETE', 'pass, concordance',
        'reviewer', 'SELECT', everything,
        'reviewer', 'INSERT', 'act, tile, member',
        'releaser', 'SELECT', everything,
        'releaser', 'INSERT', 'act, tile, checkpoint, revoked',
        'releaser', 'INSERT, UPDATE', 'lease',
        'operator', 'SELECT', everything,
        'operator', 'INSERT',
        'source, event, identity, act, tile, entry, dead_letter, loss, member, checkpoint, revoked',
        'operator', 'INSERT, UPDATE', kept,
        'operator', 'DELETE', 'span',
        'operator', 'EXECUTE', 'FUNCTION open_period(bigint), heard(text, text[], text[], bytea[])',
        'exporter', 'SELECT', 'released'
    ];
    role text;
BEGIN
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
    FOREACH role IN ARRAY ARRAY['intake', 'scorer', 'reviewer', 'releaser', 'operator', 'exporter'] LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', current_schema(), role);
        EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA %I FROM %I', current_schema(), role);
    END LOOP;
    FOR n IN 1 .. array_length(rights, 1) BY 3 LOOP
        role := rights[n];
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role);
        EXECUTE format('GRANT %s ON %s TO %I', rights[n + 1], rights[n + 2], role);
    END LOOP;
    -- The gate is locked by who writes, and nobody can change it.
    FOREACH role IN ARRAY ARRAY['intake', 'scorer', 'reviewer', 'releaser', 'operator', 'exporter'] LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
        CONTINUE WHEN role = 'exporter';
        EXECUTE format('GRANT UPDATE ON gate TO %I', role);
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), role);
    END LOOP;
END $$;
