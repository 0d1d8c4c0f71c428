-- The store of a quarantine in PostgreSQL: what was said, what was done, what was put aside; appended,
-- never changed. Tables and columns are those of the SQLite store; what differs is said beside it.

-- Whoever writes locks this row first: one writer at a time at the end of the log. To lock it one must
-- be allowed to change it, so a role that may not write cannot keep the writers waiting either.
CREATE TABLE gate (one boolean PRIMARY KEY DEFAULT true CHECK (one));
INSERT INTO gate DEFAULT VALUES;

CREATE TABLE source (
    no integer PRIMARY KEY,
    producer text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    first_seen bigint NOT NULL,
    UNIQUE (producer, source)
);

-- idx is the place in the log, shared with act; the partitions are ranges of it, which are also ranges
-- of time, since the log grows with time. Wide numbers stand first, so that no byte is lost between.
-- question and answer are bytes: a text of PostgreSQL cannot hold the character U+0000.
CREATE TABLE event (
    idx bigint NOT NULL,
    arrived bigint NOT NULL,
    claimed bigint NOT NULL,
    value double precision,
    source integer NOT NULL,
    place integer,
    salt bytea NOT NULL,
    leaf bytea NOT NULL,
    id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    aspect text COLLATE "C" NOT NULL,
    question bytea NOT NULL,
    answer bytea NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (idx)
) PARTITION BY RANGE (idx);

-- Who said it under which id: once for all partitions, and kept when one of them is dropped. It begins
-- with the id, so that ids that rise with time are written at one place of the index.
CREATE TABLE identity (
    idx bigint NOT NULL,
    source integer NOT NULL,
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (id, source)
);

-- The ranges of the log that have a partition: [first, until), opened (µs) when it was first needed.
CREATE TABLE period (
    first bigint PRIMARY KEY,
    until bigint NOT NULL,
    opened bigint NOT NULL
);

CREATE TABLE act (
    idx bigint PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    body bytea NOT NULL,
    leaf bytea NOT NULL
);

CREATE TABLE tile (
    number bigint PRIMARY KEY,
    root bytea NOT NULL,
    hashes bytea NOT NULL
);

CREATE TABLE checkpoint (
    size bigint NOT NULL,
    note bytea NOT NULL,
    PRIMARY KEY (size, note)
);

CREATE TABLE entry (
    stream text COLLATE "C" NOT NULL,
    entry text COLLATE "C" NOT NULL,
    producer text COLLATE "C" NOT NULL,
    seq bigint,
    digest bytea NOT NULL,
    arrived bigint NOT NULL,
    received bigint NOT NULL,
    duplicates bigint NOT NULL,
    PRIMARY KEY (stream, entry)
);
CREATE INDEX entry_seq ON entry (producer, seq) WHERE seq IS NOT NULL;

CREATE TABLE dead_letter (
    no bigint PRIMARY KEY,
    producer text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    entry text COLLATE "C" NOT NULL,
    position integer NOT NULL,
    reason text COLLATE "C" NOT NULL,
    detail text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    size bigint NOT NULL,
    digest text COLLATE "C" NOT NULL,
    content bytea NOT NULL,
    vouch bytea NOT NULL,
    UNIQUE (stream, entry, position)
);

CREATE TABLE loss (
    producer text COLLATE "C" NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (producer, first, last)
);

CREATE TABLE member (
    request bigint NOT NULL,
    idx bigint NOT NULL,
    leaf bytea NOT NULL,
    cluster text COLLATE "C" NOT NULL,
    PRIMARY KEY (request, idx)
);

CREATE TABLE revoked (
    idx bigint NOT NULL,
    act bigint NOT NULL,
    PRIMARY KEY (idx, act)
);

CREATE TABLE erased (
    idx bigint PRIMARY KEY,
    act bigint NOT NULL,
    commitment bytea NOT NULL
);

CREATE TABLE erased_letter (
    no bigint PRIMARY KEY,
    act bigint NOT NULL
);

-- Views that may change: what Redis last said, what scoring last thought, figures that are counted anew
-- whenever the store is verified.
CREATE TABLE stream (
    stream text COLLATE "C" NOT NULL,
    life integer NOT NULL,
    producer text COLLATE "C" NOT NULL,
    added bigint NOT NULL,
    last text COLLATE "C" NOT NULL,
    known bigint NOT NULL,
    PRIMARY KEY (stream, life)
);

CREATE TABLE dossier (
    source integer PRIMARY KEY,
    at bigint NOT NULL,
    score double precision NOT NULL,
    verdict text COLLATE "C" NOT NULL,
    body bytea NOT NULL
);

CREATE TABLE pass (at bigint NOT NULL, size bigint NOT NULL);

CREATE TABLE dead_kept (
    producer text COLLATE "C" NOT NULL,
    hour bigint NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (producer, hour)
);

CREATE TABLE tally (
    producer text COLLATE "C" PRIMARY KEY,
    entries bigint NOT NULL,
    received bigint NOT NULL,
    stored bigint NOT NULL,
    duplicates bigint NOT NULL,
    dead bigint NOT NULL
);

CREATE TABLE span (
    producer text COLLATE "C" NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (producer, first)
);

CREATE TABLE lease (
    name text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C" NOT NULL,
    token bigint NOT NULL,
    until bigint NOT NULL,
    wrote bigint NOT NULL
);

-- Guards. ENABLE ALWAYS: they also hold for a session that calls itself a replica. Who owns the tables
-- can take them away; that is what the log and its witness are for.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$;

-- A row whose number stands in erased may be emptied, and changed in no other way.
CREATE FUNCTION only_erased() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM erased WHERE idx = OLD.idx)
        OR (NEW.idx, NEW.source, NEW.id, NEW.arrived, NEW.key, NEW.leaf, NEW.kind, NEW.scope)
        IS DISTINCT FROM
        (OLD.idx, OLD.source, OLD.id, OLD.arrived, OLD.key, OLD.leaf, OLD.kind, OLD.scope)
        OR (NEW.salt, NEW.body, NEW.target, NEW.aspect, NEW.claimed, NEW.question, NEW.answer)
        IS DISTINCT FROM (''::bytea, ''::bytea, '', '', 0::bigint, ''::bytea, ''::bytea)
        OR NEW.value IS NOT NULL OR NEW.place IS NOT NULL
    THEN
        RAISE EXCEPTION 'event is append-only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION only_erased_letter() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM erased_letter WHERE no = OLD.no)
        OR (NEW.no, NEW.producer, NEW.stream, NEW.entry, NEW.position, NEW.reason, NEW.at, NEW.size)
        IS DISTINCT FROM
        (OLD.no, OLD.producer, OLD.stream, OLD.entry, OLD.position, OLD.reason, OLD.at, OLD.size)
        OR (NEW.detail, NEW.digest, NEW.content, NEW.vouch)
        IS DISTINCT FROM ('', '', ''::bytea, ''::bytea)
    THEN
        RAISE EXCEPTION 'dead_letter is append-only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION only_free() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM event WHERE idx = NEW.idx) THEN
        RAISE EXCEPTION 'act is append-only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'gate', 'source', 'event', 'identity', 'period', 'act', 'tile', 'checkpoint', 'entry',
        'dead_letter', 'loss', 'member', 'revoked', 'erased', 'erased_letter'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER refuse_delete BEFORE DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse(%L)',
            name, name
        );
        EXECUTE format(
            'CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION refuse(%L)',
            name, name
        );
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER refuse_delete', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER refuse_truncate', name);
        CONTINUE WHEN name IN ('event', 'dead_letter');
        EXECUTE format(
            'CREATE TRIGGER refuse_update BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION refuse(%L)',
            name, name
        );
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER refuse_update', name);
    END LOOP;
END $$;
CREATE TRIGGER refuse_update BEFORE UPDATE ON event
FOR EACH ROW EXECUTE FUNCTION only_erased();
ALTER TABLE event ENABLE ALWAYS TRIGGER refuse_update;
CREATE TRIGGER refuse_update BEFORE UPDATE ON dead_letter
FOR EACH ROW EXECUTE FUNCTION only_erased_letter();
ALTER TABLE dead_letter ENABLE ALWAYS TRIGGER refuse_update;
CREATE TRIGGER refuse_taken BEFORE INSERT ON act
FOR EACH ROW EXECUTE FUNCTION only_free();
ALTER TABLE act ENABLE ALWAYS TRIGGER refuse_taken;

-- Which of these identities (asked for by arrays of equal length, numbered from 1) are held, whether
-- with the same bytes, and whether those are gone: for who takes feedback in and may not read it.
CREATE FUNCTION heard(
    asked_producer text, asked_sources text[], asked_ids text[], asked_bodies bytea[]
) RETURNS TABLE (place bigint, is_same boolean, is_gone boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT asked.place, coalesce(e.body = asked.body, false), coalesce(e.salt = ''::bytea, true)
    FROM unnest(asked_sources, asked_ids, asked_bodies)
        WITH ORDINALITY AS asked (source, id, body, place)
    JOIN source s ON s.producer = asked_producer AND s.source = asked.source
    JOIN identity i ON i.id = asked.id AND i.source = s.no
    LEFT JOIN event e ON e.idx = i.idx
    ORDER BY asked.place
$$;
REVOKE ALL ON FUNCTION heard (text, text[], text[], bytea[]) FROM PUBLIC;

-- Row security: rows may be read and appended by whoever is granted that; there is no policy by which a
-- row of the record is changed, so that a right granted by mistake changes nothing. Views may change.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'gate', 'source', 'event', 'identity', 'period', 'act', 'tile', 'checkpoint', 'entry',
        'dead_letter', 'loss', 'member', 'revoked', 'erased', 'erased_letter', 'stream', 'dossier',
        'pass', 'dead_kept', 'tally', 'span', 'lease'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY seen ON %I FOR SELECT USING (true)', name);
        EXECUTE format('CREATE POLICY appended ON %I FOR INSERT WITH CHECK (true)', name);
        CONTINUE WHEN name NOT IN (
            'gate', 'stream', 'dossier', 'pass', 'dead_kept', 'tally', 'span', 'lease'
        );
        EXECUTE format('CREATE POLICY changed ON %I FOR UPDATE USING (true)', name);
        CONTINUE WHEN name NOT IN ('pass', 'span');
        EXECUTE format('CREATE POLICY replaced ON %I FOR DELETE USING (true)', name);
    END LOOP;
END $$;

-- What an act says, of the envelope that it is signed in; its digest names it.
CREATE FUNCTION said_in(envelope bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT decode(convert_from(envelope, 'UTF8')::json ->> 'payload', 'base64')
$$;

-- What has left and was not taken back since, for who may see nothing else. A view, and no proof: a
-- training job opens the release itself.
CREATE VIEW released WITH (security_barrier) AS
SELECT
    left_.said ->> 'name' AS release,
    e.idx,
    s.producer,
    s.source,
    m.cluster,
    e.id,
    e.arrived,
    e.kind,
    e.scope,
    e.target,
    e.body
FROM (
    SELECT convert_from(said_in(body), 'UTF8')::json AS said FROM act WHERE kind = 'released'
) AS left_
JOIN act AS request
    ON request.kind = 'request-made'
    AND encode(sha256(said_in(request.body)), 'hex') = left_.said ->> 'request'
JOIN member AS m ON m.request = request.idx
JOIN event AS e ON e.idx = m.idx
JOIN source AS s ON s.no = e.source
WHERE e.salt <> ''::bytea
    AND NOT EXISTS (SELECT FROM revoked WHERE revoked.idx = e.idx)
    AND NOT EXISTS (
        SELECT FROM act AS yank
        WHERE yank.kind = 'release-yanked'
            AND convert_from(said_in(yank.body), 'UTF8')::json ->> 'manifest'
            = left_.said ->> 'manifest'
    );

-- For whom the rights were last given out; see roles.sql.
CREATE TABLE granted (one boolean PRIMARY KEY DEFAULT true CHECK (one), said text NOT NULL);
