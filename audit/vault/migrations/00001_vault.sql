-- +goose Up

-- Which master key the month keys are wrapped by; one row.
CREATE TABLE vault_master (
    id    TEXT PRIMARY KEY, -- says which, and nothing of the key
    at_ms BIGINT NOT NULL
);

-- One key for each tenant and month, which wraps data keys.
CREATE TABLE vault_months (
    tenant  TEXT NOT NULL,
    month   TEXT NOT NULL,  -- 2006-01, UTC
    wrapped TEXT NOT NULL,  -- by the master key, base64
    at_ms   BIGINT NOT NULL,
    PRIMARY KEY (tenant, month)
);

-- One data key for each person and month. A destroyed one stays without its key and without the
-- person, so that an original which cannot be opened any more is known to be erased.
CREATE TABLE vault_keys (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    person     TEXT NOT NULL, -- c:customer, s:session, t:topic; '' and the id when destroyed
    month      TEXT NOT NULL,
    wrapped    TEXT NOT NULL, -- by the month key, base64; '' when destroyed
    at_ms      BIGINT NOT NULL,
    erased_ms  BIGINT NOT NULL DEFAULT 0,
    UNIQUE (tenant, person, month)
);

-- What was kept for one owner is of the same person as another.
CREATE TABLE vault_adoptions (
    was_tenant TEXT NOT NULL,
    was_person TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    person     TEXT NOT NULL,
    PRIMARY KEY (tenant, person, was_tenant, was_person)
);

-- Grows with every erasure: a process that remembers keys forgets them when it has changed.
CREATE TABLE vault_erasures (
    id    TEXT PRIMARY KEY, -- always 'count'
    count BIGINT NOT NULL
);
INSERT INTO vault_erasures (id, count) VALUES ('count', 0);
