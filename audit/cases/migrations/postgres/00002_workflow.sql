-- +goose Up
ALTER TABLE cases ADD COLUMN change BIGINT NOT NULL DEFAULT 1;        -- grows with every change; guards the row, orders the mirror
ALTER TABLE cases ADD COLUMN customer TEXT NOT NULL DEFAULT '';       -- pseudonym; '' where the record knows none
ALTER TABLE cases ADD COLUMN next_due_ms BIGINT NOT NULL DEFAULT 0;   -- the next deadline that a sweep looks at; 0 for none
ALTER TABLE cases ADD COLUMN escalation BIGINT NOT NULL DEFAULT 0;    -- how many deadlines of this round were escalated
ALTER TABLE cases ADD COLUMN document TEXT NOT NULL DEFAULT '';       -- JSON: all that has no column; '' for a report of before there was a workflow
UPDATE cases SET next_due_ms = at_ms;
CREATE INDEX cases_due ON cases (next_due_ms) WHERE next_due_ms > 0;
CREATE INDEX cases_state ON cases (state, tenant);

-- One row per session that has cases, locked while a source joins, so that two at once do not begin
-- two cases.
CREATE TABLE case_sessions (
    tenant     TEXT NOT NULL,
    session_id TEXT NOT NULL,
    at_ms      BIGINT NOT NULL,
    PRIMARY KEY (tenant, session_id)
);

-- What tells of a wrong. A report by hand is an event of its session too, and has the event's key.
CREATE TABLE case_sources (
    origin     TEXT NOT NULL,    -- finding, event, alert
    tenant     TEXT NOT NULL,
    session_id TEXT NOT NULL,
    ref        TEXT NOT NULL,    -- id of finding or event, fingerprint of an alert
    case_id    TEXT NOT NULL,
    kind       TEXT NOT NULL,    -- finding, review, event, alert, report
    rule       TEXT NOT NULL,
    words      TEXT NOT NULL,
    reporter   TEXT NOT NULL,
    at_ms      BIGINT NOT NULL,
    joined_ms  BIGINT NOT NULL,
    ended      TEXT NOT NULL,    -- withdrawn, resolved, or ''
    PRIMARY KEY (origin, tenant, session_id, ref)
);
CREATE INDEX case_sources_case ON case_sources (case_id);
INSERT INTO case_sources (origin, tenant, session_id, ref, case_id, kind, rule, words, reporter, at_ms, joined_ms, ended)
    SELECT 'event', tenant, session_id, id, id, 'report', '', reason, reporter, at_ms, at_ms, '' FROM cases;

CREATE TABLE case_steps (
    case_id    TEXT NOT NULL,
    seq        BIGINT NOT NULL,  -- from 1
    action     TEXT NOT NULL,
    from_state TEXT NOT NULL,    -- '' at the beginning
    to_state   TEXT NOT NULL,
    actor      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    at_ms      BIGINT NOT NULL,
    note       TEXT NOT NULL,    -- JSON, or ''
    PRIMARY KEY (case_id, seq)
);
INSERT INTO case_steps (case_id, seq, action, from_state, to_state, actor, reason, at_ms, note)
    SELECT id, 1, 'began', '', state, reporter, reason, at_ms, '' FROM cases;

-- What a hook was sent, so that it counts once.
CREATE TABLE case_alerts (
    fingerprint TEXT NOT NULL,
    starts_ms   BIGINT NOT NULL,
    status      TEXT NOT NULL,   -- firing, resolved
    at_ms       BIGINT NOT NULL,
    PRIMARY KEY (fingerprint, starts_ms, status)
);
-- Signatures within the window in which their time stamps are taken.
CREATE TABLE case_signatures (
    signature TEXT PRIMARY KEY,
    at_ms     BIGINT NOT NULL
);

-- How far the record was followed, by its own clock.
CREATE TABLE case_marks (
    name  TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION case_steps_are_append_only() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION 'the steps of a case are append-only';
END;
$$ LANGUAGE plpgsql;
-- +goose StatementEnd

CREATE TRIGGER case_steps_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON case_steps
    FOR EACH STATEMENT EXECUTE FUNCTION case_steps_are_append_only();
