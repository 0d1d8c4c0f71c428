-- Where the words of some columns stand in each full range of the log, so that a target's or a key's
-- events are found without reading all of the table; see quarantine/rows/concordance.py. It is derived
-- from the rows and may be thrown away: what it does not say is read. An index would cost every commit.
CREATE TABLE concordance (
    name TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    first INTEGER NOT NULL,
    part BLOB NOT NULL,
    seal BLOB NOT NULL,
    PRIMARY KEY (name, bucket, first)
) WITHOUT ROWID;
