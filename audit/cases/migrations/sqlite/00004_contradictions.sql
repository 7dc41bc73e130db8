-- +goose Up
-- Results of payouts that say something else than the one that is recorded, for a person to look into. The same
-- said again is one row.
CREATE TABLE case_contradictions (
    payout_id TEXT NOT NULL,
    digest    TEXT NOT NULL,    -- SHA-256 of what was said, in hex
    case_id   TEXT NOT NULL,
    said      TEXT NOT NULL,    -- JSON
    answer    TEXT NOT NULL,    -- the sentence it was refused with
    said_by   TEXT NOT NULL,    -- a person, or receiver
    said_ms   BIGINT NOT NULL,
    PRIMARY KEY (payout_id, digest)
);
CREATE INDEX case_contradictions_newest ON case_contradictions (said_ms);
