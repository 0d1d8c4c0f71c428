-- The store of a quarantine: what was said, what was done, what was put aside; appended, never changed.

CREATE TABLE source (
    no INTEGER PRIMARY KEY,
    producer TEXT NOT NULL,
    source TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    UNIQUE (producer, source)
);

-- idx is the place in the log, shared with act; key is who vouched; leaf covers the facts,
-- the columns after leaf are derived from body and checked against it.
CREATE TABLE event (
    idx INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES source (no),
    id TEXT NOT NULL,
    arrived INTEGER NOT NULL,
    key TEXT NOT NULL,
    salt BLOB NOT NULL,
    body BLOB NOT NULL,
    leaf BLOB NOT NULL,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    target TEXT NOT NULL,
    aspect TEXT NOT NULL,
    claimed INTEGER NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    value REAL,
    place INTEGER,
    UNIQUE (source, id)
);

CREATE TABLE act (
    idx INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    leaf BLOB NOT NULL
);

-- 256 leaf hashes each, with the root over them.
CREATE TABLE tile (
    number INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    hashes BLOB NOT NULL
);

CREATE TABLE checkpoint (
    size INTEGER NOT NULL,
    note BLOB NOT NULL,
    PRIMARY KEY (size, note)
) WITHOUT ROWID;

-- One row for every stream entry that was taken in, whatever became of it.
CREATE TABLE entry (
    stream TEXT NOT NULL,
    entry TEXT NOT NULL,
    producer TEXT NOT NULL,
    seq INTEGER,
    digest BLOB NOT NULL,
    arrived INTEGER NOT NULL,
    received INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    PRIMARY KEY (stream, entry)
) WITHOUT ROWID;
CREATE INDEX entry_seq ON entry (producer, seq) WHERE seq IS NOT NULL;

CREATE TABLE dead_letter (
    no INTEGER PRIMARY KEY,
    producer TEXT NOT NULL,
    stream TEXT NOT NULL,
    entry TEXT NOT NULL,
    position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    digest TEXT NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (stream, entry, position)
);

CREATE TABLE loss (
    producer TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (producer, first, last)
) WITHOUT ROWID;

-- The event set of a request, frozen; its Merkle root stands in the request itself.
CREATE TABLE member (
    request INTEGER NOT NULL REFERENCES act (idx),
    idx INTEGER NOT NULL REFERENCES event (idx),
    leaf BLOB NOT NULL,
    cluster TEXT NOT NULL,
    PRIMARY KEY (request, idx)
) WITHOUT ROWID;

CREATE TABLE revoked (
    idx INTEGER NOT NULL REFERENCES event (idx),
    act INTEGER NOT NULL REFERENCES act (idx),
    PRIMARY KEY (idx, act)
) WITHOUT ROWID;

-- Views that may change: what Redis last said, what scoring last thought.
CREATE TABLE stream (
    stream TEXT NOT NULL,
    life INTEGER NOT NULL,
    producer TEXT NOT NULL,
    added INTEGER NOT NULL,
    PRIMARY KEY (stream, life)
) WITHOUT ROWID;

CREATE TABLE dossier (
    source INTEGER PRIMARY KEY REFERENCES source (no),
    at INTEGER NOT NULL,
    score REAL NOT NULL,
    verdict TEXT NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE pass (at INTEGER NOT NULL, size INTEGER NOT NULL);

-- Guards: REPLACE would rewrite a row past the UPDATE and DELETE guards, so inserts are guarded too.
CREATE TRIGGER event_insert BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE idx = NEW.idx)
    OR EXISTS (SELECT 1 FROM event WHERE source = NEW.source AND id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'event is append-only'); END;
CREATE TRIGGER event_update BEFORE UPDATE ON event
BEGIN SELECT RAISE (ABORT, 'event is append-only'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event
BEGIN SELECT RAISE (ABORT, 'event is append-only'); END;
CREATE TRIGGER act_insert BEFORE INSERT ON act
WHEN EXISTS (SELECT 1 FROM act WHERE idx = NEW.idx) OR EXISTS (SELECT 1 FROM event WHERE idx = NEW.idx)
BEGIN SELECT RAISE (ABORT, 'act is append-only'); END;
CREATE TRIGGER act_update BEFORE UPDATE ON act
BEGIN SELECT RAISE (ABORT, 'act is append-only'); END;
CREATE TRIGGER act_delete BEFORE DELETE ON act
BEGIN SELECT RAISE (ABORT, 'act is append-only'); END;
CREATE TRIGGER source_insert BEFORE INSERT ON source
WHEN EXISTS (SELECT 1 FROM source WHERE no = NEW.no)
    OR EXISTS (SELECT 1 FROM source WHERE producer = NEW.producer AND source = NEW.source)
BEGIN SELECT RAISE (ABORT, 'source is append-only'); END;
CREATE TRIGGER source_update BEFORE UPDATE ON source
BEGIN SELECT RAISE (ABORT, 'source is append-only'); END;
CREATE TRIGGER source_delete BEFORE DELETE ON source
BEGIN SELECT RAISE (ABORT, 'source is append-only'); END;
CREATE TRIGGER tile_insert BEFORE INSERT ON tile
WHEN EXISTS (SELECT 1 FROM tile WHERE number = NEW.number)
BEGIN SELECT RAISE (ABORT, 'tile is append-only'); END;
CREATE TRIGGER tile_update BEFORE UPDATE ON tile
BEGIN SELECT RAISE (ABORT, 'tile is append-only'); END;
CREATE TRIGGER tile_delete BEFORE DELETE ON tile
BEGIN SELECT RAISE (ABORT, 'tile is append-only'); END;
CREATE TRIGGER dead_letter_insert BEFORE INSERT ON dead_letter
WHEN EXISTS (SELECT 1 FROM dead_letter WHERE no = NEW.no)
    OR EXISTS (
        SELECT 1 FROM dead_letter
        WHERE stream = NEW.stream AND entry = NEW.entry AND position = NEW.position
    )
BEGIN SELECT RAISE (ABORT, 'dead_letter is append-only'); END;
CREATE TRIGGER dead_letter_update BEFORE UPDATE ON dead_letter
BEGIN SELECT RAISE (ABORT, 'dead_letter is append-only'); END;
CREATE TRIGGER dead_letter_delete BEFORE DELETE ON dead_letter
BEGIN SELECT RAISE (ABORT, 'dead_letter is append-only'); END;
CREATE TRIGGER entry_update BEFORE UPDATE ON entry
BEGIN SELECT RAISE (ABORT, 'entry is append-only'); END;
CREATE TRIGGER entry_delete BEFORE DELETE ON entry
BEGIN SELECT RAISE (ABORT, 'entry is append-only'); END;
CREATE TRIGGER entry_insert BEFORE INSERT ON entry
WHEN EXISTS (SELECT 1 FROM entry WHERE stream = NEW.stream AND entry = NEW.entry)
BEGIN SELECT RAISE (ABORT, 'entry is append-only'); END;
CREATE TRIGGER member_insert BEFORE INSERT ON member
WHEN EXISTS (SELECT 1 FROM member WHERE request = NEW.request AND idx = NEW.idx)
BEGIN SELECT RAISE (ABORT, 'member is append-only'); END;
CREATE TRIGGER member_update BEFORE UPDATE ON member
BEGIN SELECT RAISE (ABORT, 'member is append-only'); END;
CREATE TRIGGER member_delete BEFORE DELETE ON member
BEGIN SELECT RAISE (ABORT, 'member is append-only'); END;
CREATE TRIGGER revoked_update BEFORE UPDATE ON revoked
BEGIN SELECT RAISE (ABORT, 'revoked is append-only'); END;
CREATE TRIGGER revoked_delete BEFORE DELETE ON revoked
BEGIN SELECT RAISE (ABORT, 'revoked is append-only'); END;
