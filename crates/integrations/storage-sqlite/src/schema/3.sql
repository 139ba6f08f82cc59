-- What a row was when it was written, so that a bit that turns over on the disk does not go unseen: src/checksum.rs.
ALTER TABLE events      ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tags        ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents   ADD COLUMN version  INTEGER NOT NULL DEFAULT 1; -- of the form of the body
ALTER TABLE documents   ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE checkpoints ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;

-- What was declared of collections. Their indexes are partial ones on documents.
CREATE TABLE collections (
    name     TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL, -- the latest of its documents
    migrated INTEGER NOT NULL, -- 0 while there may be documents of an earlier one
    checksum INTEGER NOT NULL
) WITHOUT ROWID;
