-- Who runs a loop now, until when, and the highest token with which somebody wrote: a view that may change.
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token INTEGER NOT NULL,
    until INTEGER NOT NULL,
    wrote INTEGER NOT NULL
) WITHOUT ROWID;
