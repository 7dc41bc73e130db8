-- +goose Up

-- One row per package that was asked for. The columns are what rows are found by; the document has the rest.
CREATE TABLE exports (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL,
    state        TEXT NOT NULL,
    requested_ms BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL, -- when the file is removed; 0 while there is none
    issued_to    TEXT NOT NULL,   -- id of the principal; '' where it was issued to nobody
    document     TEXT NOT NULL
);
CREATE INDEX exports_newest ON exports (requested_ms DESC, id DESC);
CREATE INDEX exports_state ON exports (state, requested_ms);
