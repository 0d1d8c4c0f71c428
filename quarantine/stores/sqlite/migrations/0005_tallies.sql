-- The law's figures by producer, and the counters received as ranges: kept in the transaction that
-- writes the rows, so that nobody reads all rows to know them. They are what counting gives, now and
-- whenever the store is verified.

CREATE TABLE tally (
    producer TEXT PRIMARY KEY,
    entries INTEGER NOT NULL,
    received INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    dead INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO tally
SELECT producer, sum(entries), sum(received), sum(stored), sum(duplicates), sum(dead) FROM (
    SELECT
        producer,
        count(*) - sum(again) AS entries,
        sum(received) - sum(again) AS received,
        0 AS stored,
        sum(duplicates) AS duplicates,
        -sum(again) AS dead
    FROM (SELECT *, instr(entry, '#') > 0 AS again FROM entry) GROUP BY producer
    UNION ALL
    SELECT s.producer, 0, 0, sum(n), 0, 0
    FROM source s JOIN (SELECT source, count(*) AS n FROM event GROUP BY source) e ON e.source = s.no
    GROUP BY s.producer
    UNION ALL
    SELECT producer, 0, 0, 0, 0, count(*) FROM dead_letter GROUP BY producer
) GROUP BY producer;

CREATE TABLE span (
    producer TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (producer, first)
) WITHOUT ROWID;

INSERT INTO span
SELECT producer, min(seq), max(seq) FROM (
    SELECT producer, seq, seq - row_number() OVER (PARTITION BY producer ORDER BY seq) AS island
    FROM entry WHERE seq IS NOT NULL
) GROUP BY producer, island;
