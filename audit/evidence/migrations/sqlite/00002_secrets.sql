-- +goose Up
-- What commitments in the log are keyed by: a log is read by many, and cannot be changed.
CREATE TABLE evidence_secrets (
    name   TEXT PRIMARY KEY,
    secret TEXT NOT NULL -- hex
);
