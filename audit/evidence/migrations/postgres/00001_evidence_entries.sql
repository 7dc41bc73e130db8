-- +goose Up
-- What is to be in the evidence log, and where it is once it is there. In the order in which they
-- were queued.
CREATE TABLE evidence_entries (
    seq      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,
    entry    TEXT NOT NULL,              -- canonical JSON, the bytes of the log's leaf
    place    BIGINT UNIQUE,              -- index in the log; NULL: not appended yet
    mirrored SMALLINT NOT NULL DEFAULT 0 -- 1: copied to the warehouse
);
CREATE INDEX evidence_entries_waiting ON evidence_entries (mirrored, seq);
