-- +goose Up
CREATE TABLE signed_in (
    id_digest TEXT PRIMARY KEY, -- SHA-256 of the cookie's value
    principal TEXT NOT NULL,    -- JSON
    until_ms  BIGINT NOT NULL
);
