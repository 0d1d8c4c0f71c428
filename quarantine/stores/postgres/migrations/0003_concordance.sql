-- Where the words of some columns stand in each full range of the log, so that a target's or a key's
-- events are found without reading all partitions; see quarantine/rows/concordance.py. It is derived
-- from the rows and may be thrown away: what it does not say is read. An index would cost every commit.
CREATE TABLE concordance (
    name text COLLATE "C" NOT NULL,
    bucket integer NOT NULL,
    first bigint NOT NULL,
    part bytea NOT NULL,
    seal bytea NOT NULL,
    PRIMARY KEY (name, bucket, first)
);
ALTER TABLE concordance ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON concordance FOR SELECT USING (true);
CREATE POLICY appended ON concordance FOR INSERT WITH CHECK (true);
CREATE POLICY replaced ON concordance FOR DELETE USING (true);
