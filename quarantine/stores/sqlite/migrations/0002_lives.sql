-- A life of a stream also remembers the last id it gave, and how many of its entries were counted
-- in an earlier life already: a bus that was put back to an older state has them twice.
ALTER TABLE stream ADD COLUMN last TEXT NOT NULL DEFAULT '0-0';
ALTER TABLE stream ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
