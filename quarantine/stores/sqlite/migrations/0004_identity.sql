-- The identity of an event begins with its id: ids that rise with time are then written at one place
-- of the index, whoever speaks. Began it with the source, every source would have a place of its own,
-- and a commit would touch them all. Only the order of the index changes; rows are copied as they are.

DROP TRIGGER act_insert;

CREATE TABLE event_by_id (
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
    UNIQUE (id, source)
);
INSERT INTO event_by_id SELECT * FROM event ORDER BY idx;
DROP TABLE event;
ALTER TABLE event_by_id RENAME TO event;

CREATE TRIGGER event_insert BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE idx = NEW.idx)
    OR EXISTS (SELECT 1 FROM event WHERE id = NEW.id AND source = NEW.source)
BEGIN SELECT RAISE (ABORT, 'event is append-only'); END;
CREATE TRIGGER event_update BEFORE UPDATE ON event
BEGIN SELECT RAISE (ABORT, 'event is append-only'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event
BEGIN SELECT RAISE (ABORT, 'event is append-only'); END;
CREATE TRIGGER act_insert BEFORE INSERT ON act
WHEN EXISTS (SELECT 1 FROM act WHERE idx = NEW.idx) OR EXISTS (SELECT 1 FROM event WHERE idx = NEW.idx)
BEGIN SELECT RAISE (ABORT, 'act is append-only'); END;
