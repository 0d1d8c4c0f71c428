-- What was erased: the act that did it, and the commitment that the leaf still needs once body and salt
-- are gone. A row of event (and a dead letter) may be emptied when it stands here, and changed in no
-- other way; it is never deleted, so that whoever was heard is known and no place of the log is open.

CREATE TABLE erased (
    idx INTEGER PRIMARY KEY REFERENCES event (idx),
    act INTEGER NOT NULL REFERENCES act (idx),
    commitment BLOB NOT NULL
);
CREATE TRIGGER erased_insert BEFORE INSERT ON erased
WHEN EXISTS (SELECT 1 FROM erased WHERE idx = NEW.idx)
BEGIN SELECT RAISE (ABORT, 'erased is append-only'); END;
CREATE TRIGGER erased_update BEFORE UPDATE ON erased
BEGIN SELECT RAISE (ABORT, 'erased is append-only'); END;
CREATE TRIGGER erased_delete BEFORE DELETE ON erased
BEGIN SELECT RAISE (ABORT, 'erased is append-only'); END;

CREATE TABLE erased_letter (
    no INTEGER PRIMARY KEY REFERENCES dead_letter (no),
    act INTEGER NOT NULL REFERENCES act (idx)
);
CREATE TRIGGER erased_letter_insert BEFORE INSERT ON erased_letter
WHEN EXISTS (SELECT 1 FROM erased_letter WHERE no = NEW.no)
BEGIN SELECT RAISE (ABORT, 'erased_letter is append-only'); END;
CREATE TRIGGER erased_letter_update BEFORE UPDATE ON erased_letter
BEGIN SELECT RAISE (ABORT, 'erased_letter is append-only'); END;
CREATE TRIGGER erased_letter_delete BEFORE DELETE ON erased_letter
BEGIN SELECT RAISE (ABORT, 'erased_letter is append-only'); END;

DROP TRIGGER event_update;
CREATE TRIGGER event_update BEFORE UPDATE ON event
WHEN NOT EXISTS (SELECT 1 FROM erased WHERE idx = OLD.idx)
    OR (NEW.idx, NEW.source, NEW.id, NEW.arrived, NEW.key, NEW.leaf, NEW.kind, NEW.scope)
    IS NOT (OLD.idx, OLD.source, OLD.id, OLD.arrived, OLD.key, OLD.leaf, OLD.kind, OLD.scope)
    OR (NEW.salt, NEW.body, NEW.target, NEW.aspect, NEW.claimed, NEW.question, NEW.answer)
    IS NOT (x'', x'', '', '', 0, '', '')
    OR NEW.value IS NOT NULL
    OR NEW.place IS NOT NULL
BEGIN SELECT RAISE (ABORT, 'event is append-only'); END;

DROP TRIGGER dead_letter_update;
CREATE TRIGGER dead_letter_update BEFORE UPDATE ON dead_letter
WHEN NOT EXISTS (SELECT 1 FROM erased_letter WHERE no = OLD.no)
    OR (NEW.no, NEW.producer, NEW.stream, NEW.entry, NEW.position, NEW.reason, NEW.at, NEW.size)
    IS NOT (OLD.no, OLD.producer, OLD.stream, OLD.entry, OLD.position, OLD.reason, OLD.at, OLD.size)
    OR (NEW.detail, NEW.digest, NEW.content, NEW.vouch) IS NOT ('', '', x'', x'')
BEGIN SELECT RAISE (ABORT, 'dead_letter is append-only'); END;

-- What models said themselves, found without reading all that people said.
CREATE INDEX event_emitted ON event (idx) WHERE kind = 'pseudo_label';
