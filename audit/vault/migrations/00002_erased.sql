-- +goose Up

-- Whose sessions were erased, so that whoever has one in memory forgets it.
CREATE TABLE vault_erased (
    tenant     TEXT NOT NULL,
    session_id TEXT NOT NULL,
    count      BIGINT NOT NULL, -- of vault_erasures, with this erasure
    PRIMARY KEY (tenant, session_id)
);
CREATE INDEX vault_erased_count ON vault_erased (count);
