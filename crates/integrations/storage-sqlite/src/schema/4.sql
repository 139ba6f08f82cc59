-- What stands in many events stands there as a number: the names of streams, types, modules and users. None is ever taken away.
CREATE TABLE names (
    id       INTEGER PRIMARY KEY,
    name     TEXT    NOT NULL UNIQUE,
    checksum INTEGER NOT NULL
);

-- Emptied into the new one, and dropped: src/schema.rs.
ALTER TABLE events RENAME TO events_3;
CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    event_id       BLOB    NOT NULL,
    event_type     INTEGER NOT NULL, -- of names, as source_module, user_id and stream
    timestamp      INTEGER NOT NULL, -- nanoseconds since 1970, UTC
    source_module  INTEGER NOT NULL,
    data           TEXT    NOT NULL, -- JSON
    correlation_id BLOB    NOT NULL,
    causation_id   BLOB,
    user_id        INTEGER NOT NULL,
    schema_version INTEGER NOT NULL,
    key            TEXT    NOT NULL,
    priority       INTEGER NOT NULL, -- 0 low, 1 normal, 2 high, 3 critical
    stream         INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    checksum       INTEGER NOT NULL,
    UNIQUE (stream, version)
);
