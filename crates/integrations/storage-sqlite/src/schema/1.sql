-- The log. `position` is given out by the writer and has no gaps.
CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    event_id       BLOB    NOT NULL,
    stream         TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    event_type     TEXT    NOT NULL,
    timestamp      INTEGER NOT NULL, -- nanoseconds since 1970, UTC
    source_module  TEXT    NOT NULL,
    data           TEXT    NOT NULL, -- JSON
    correlation_id BLOB    NOT NULL,
    causation_id   BLOB,
    user_id        TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    key            TEXT    NOT NULL,
    priority       INTEGER NOT NULL, -- 0 low, 1 normal, 2 high, 3 critical
    UNIQUE (stream, version)
);

CREATE TABLE documents (
    collection TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    body       TEXT    NOT NULL, -- JSON
    PRIMARY KEY (collection, key)
) WITHOUT ROWID;

CREATE TABLE checkpoints (
    subscriber TEXT    NOT NULL PRIMARY KEY,
    position   INTEGER NOT NULL
) WITHOUT ROWID;
