-- +goose Up
-- What is to be in the evidence log, and where it is once it is there. AUTOINCREMENT: in the order of
-- commits, and no number twice.
CREATE TABLE evidence_entries (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    key      TEXT NOT NULL UNIQUE,
    entry    TEXT NOT NULL,              -- canonical JSON, the bytes of the log's leaf
    place    BIGINT UNIQUE,              -- index in the log; NULL: not appended yet
    mirrored SMALLINT NOT NULL DEFAULT 0 -- 1: copied to the warehouse
);
CREATE INDEX evidence_entries_waiting ON evidence_entries (mirrored, seq);
