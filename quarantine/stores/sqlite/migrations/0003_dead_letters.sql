-- What an entry said beside its batch, so that a dead letter can go through the door again once its
-- cause is mended; and how many bytes of dead letters were kept for a producer in an hour.

ALTER TABLE dead_letter ADD COLUMN vouch BLOB NOT NULL DEFAULT x'';

CREATE TABLE dead_kept (
    producer TEXT NOT NULL,
    hour INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (producer, hour)
) WITHOUT ROWID;
