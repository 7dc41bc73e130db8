-- +goose Up
-- Whoever was signed in before there were accounts signs in again.
DROP TABLE signed_in;

CREATE TABLE accounts (
    id           TEXT PRIMARY KEY, -- as people sign in with it, in lower case
    name         TEXT NOT NULL,
    email        TEXT NOT NULL,    -- '' for none
    roles        TEXT NOT NULL,    -- JSON lists
    tenants      TEXT NOT NULL,
    lines        TEXT NOT NULL,
    password     TEXT NOT NULL,    -- Argon2id, as a PHC string; '' for none
    issuer       TEXT NOT NULL,    -- of the OpenID Connect provider where they sign in; '' for none
    subject      TEXT NOT NULL,    -- who they are there
    by_groups    BIGINT NOT NULL,  -- 1: roles and tenants are the provider's to say
    disabled     BIGINT NOT NULL,
    created_ms   BIGINT NOT NULL,
    changed_ms   BIGINT NOT NULL,
    signed_in_ms BIGINT NOT NULL   -- 0: never
);
CREATE UNIQUE INDEX accounts_by_subject ON accounts (issuer, subject) WHERE subject <> '';
CREATE UNIQUE INDEX accounts_by_email ON accounts (email) WHERE email <> '';

-- One-time links by which people set a password; one per account.
CREATE TABLE account_links (
    account  TEXT PRIMARY KEY,
    digest   TEXT NOT NULL UNIQUE, -- SHA-256 of the code
    until_ms BIGINT NOT NULL
);

CREATE TABLE signed_in (
    id_digest TEXT PRIMARY KEY, -- SHA-256 of the cookie's value
    account   TEXT NOT NULL,
    since_ms  BIGINT NOT NULL,
    seen_ms   BIGINT NOT NULL
);
CREATE INDEX signed_in_by_account ON signed_in (account);

CREATE TABLE api_tokens (
    id         TEXT PRIMARY KEY,
    digest     TEXT NOT NULL UNIQUE, -- SHA-256 of the token
    account    TEXT NOT NULL,        -- whose rights it has, within its scopes
    name       TEXT NOT NULL,        -- what it is for
    scopes     TEXT NOT NULL,        -- JSON list
    made_by    TEXT NOT NULL,
    made_ms    BIGINT NOT NULL,
    until_ms   BIGINT NOT NULL,
    used_ms    BIGINT NOT NULL,      -- 0: never
    revoked_ms BIGINT NOT NULL       -- 0: not
);
CREATE INDEX api_tokens_by_account ON api_tokens (account);

-- Failed sign-ins in a row, by account and by source address; as digests, since what is typed as a name
-- is sometimes a password.
CREATE TABLE sign_in_failures (
    who      TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_ms  BIGINT NOT NULL
);
CREATE INDEX sign_in_failures_by_time ON sign_in_failures (last_ms);
