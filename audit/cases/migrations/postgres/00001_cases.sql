-- +goose Up
CREATE TABLE cases (
    id         TEXT PRIMARY KEY, -- digest of tenant, session, finding and reporter
    version    BIGINT NOT NULL,
    tenant     TEXT NOT NULL,
    session_id TEXT NOT NULL,
    finding_id TEXT NOT NULL,    -- '' where no finding is meant
    state      TEXT NOT NULL,
    kind       TEXT NOT NULL,    -- claim.kind of the event model
    reason     TEXT NOT NULL,
    reporter   TEXT NOT NULL,
    at_ms      BIGINT NOT NULL
);
CREATE INDEX cases_newest ON cases (at_ms DESC, id DESC);
CREATE INDEX cases_session ON cases (session_id);
