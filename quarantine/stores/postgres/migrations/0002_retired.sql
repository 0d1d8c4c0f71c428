-- Whole ranges of the log whose events were let go, oldest first: the act that says so, and until when
-- it reaches. Their identities and leaves stay, and so every proof and every figure. `pace` says how
-- many rows of the log a partition has, at least and at most; the owner may change it.

CREATE TABLE pace (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    least bigint NOT NULL CHECK (least > 0 AND least % 256 = 0),
    most bigint NOT NULL CHECK (most >= least)
);
INSERT INTO pace (least, most) VALUES (1 << 20, 1 << 28);

CREATE TABLE retired (
    first bigint PRIMARY KEY,
    until bigint NOT NULL,
    act bigint NOT NULL
);
CREATE TRIGGER refuse_update BEFORE UPDATE ON retired
FOR EACH ROW EXECUTE FUNCTION refuse('retired');
CREATE TRIGGER refuse_delete BEFORE DELETE ON retired
FOR EACH ROW EXECUTE FUNCTION refuse('retired');
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON retired
EXECUTE FUNCTION refuse('retired');
ALTER TABLE retired ENABLE ALWAYS TRIGGER refuse_update;
ALTER TABLE retired ENABLE ALWAYS TRIGGER refuse_delete;
ALTER TABLE retired ENABLE ALWAYS TRIGGER refuse_truncate;
ALTER TABLE retired ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON retired FOR SELECT USING (true);
CREATE POLICY appended ON retired FOR INSERT WITH CHECK (true);

-- Open the next range of the log: as long as a month at the pace of the last one, and in whole tiles.
-- It is made beside and attached, so that nobody who reads or writes has to wait for it. A range that
-- nobody has written to is not followed by another: who may call this cannot fill the place with them.
CREATE FUNCTION open_period(now bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    month CONSTANT double precision := 30 * 86400e6;
    allowed pace;
    before period;
    span bigint;
    start bigint := 0;
    name text;
BEGIN
    SELECT * INTO allowed FROM pace;
    span := allowed.least;
    SELECT * INTO before FROM period ORDER BY first DESC LIMIT 1;
    IF FOUND THEN
        IF NOT EXISTS (SELECT FROM event WHERE idx >= before.first)
            AND NOT EXISTS (SELECT FROM act WHERE idx >= before.first)
        THEN
            RETURN before.until;
        END IF;
        start := before.until;
        span := least(
            allowed.most::double precision,
            (before.until - before.first) * month / greatest(now - before.opened, 1)
        )::bigint;
        span := greatest(allowed.least, span - span % 256);
    END IF;
    name := format('event_%s', start);
    EXECUTE format(
        'CREATE TABLE %I (LIKE event INCLUDING STORAGE, PRIMARY KEY (idx),'
        ' CHECK (idx >= %s AND idx < %s))', name, start, start + span
    );
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
        'ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
        name, start, start + span
    );
    INSERT INTO period VALUES (start, start + span, now);
    RETURN start + span;
END $$;
REVOKE ALL ON FUNCTION open_period (bigint) FROM PUBLIC;
