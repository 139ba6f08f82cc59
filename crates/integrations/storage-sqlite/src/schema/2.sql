-- Of the events that have some. None is written for an event without, and no index of the log knows of them.
CREATE TABLE tags (
    tag   TEXT    NOT NULL,
    event INTEGER NOT NULL, -- its position
    PRIMARY KEY (tag, event)
) WITHOUT ROWID;
