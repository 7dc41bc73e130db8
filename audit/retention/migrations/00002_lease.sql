-- +goose Up

-- Who carries an erasure out, and until when nobody else does.
ALTER TABLE retention_erasures ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE retention_erasures ADD COLUMN until_ms BIGINT NOT NULL DEFAULT 0;
