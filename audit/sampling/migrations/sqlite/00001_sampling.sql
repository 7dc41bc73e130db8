-- +goose Up
-- A lot: the sessions of one stratum that were closed in one stretch of the tenant's day, the plan
-- after which a sample was drawn from them, and what the reviews came to.
CREATE TABLE sampling_lots (
    id            TEXT PRIMARY KEY, -- digest of stratum and beginning
    seq           BIGINT NOT NULL UNIQUE,
    tenant        TEXT NOT NULL,
    business_line TEXT NOT NULL,
    channel       TEXT NOT NULL,
    bot_version   TEXT NOT NULL,
    from_ms       BIGINT NOT NULL,
    to_ms         BIGINT NOT NULL,
    day           TEXT NOT NULL,    -- of the tenant's zone, whose key the draw used
    document      TEXT NOT NULL,    -- what was fixed when the lot was closed, as the evidence log has it
    checkpoint    TEXT NOT NULL,    -- the signed checkpoint that the draw used
    members       BLOB NOT NULL,    -- every session of the lot, compressed
    size          BIGINT NOT NULL,  -- sessions that the sample was drawn from
    n             BIGINT NOT NULL,  -- sample
    state         TEXT NOT NULL,    -- how strictly it is inspected
    outcome       TEXT NOT NULL,    -- open, accepted, rejected; none where nothing was drawn
    reviewed      BIGINT NOT NULL,
    defective     BIGINT NOT NULL,
    decided_ms    BIGINT NOT NULL   -- 0: not yet
);
CREATE INDEX sampling_lots_newest ON sampling_lots (from_ms DESC, id DESC);
CREATE INDEX sampling_lots_day ON sampling_lots (day, tenant);
CREATE INDEX sampling_lots_outcome ON sampling_lots (outcome, seq);

-- Which lot a session is in, by a digest of tenant and session, so that no session is in two. Two
-- sessions may share a digest; the members of the lot tell.
CREATE TABLE sampling_members (
    digest BIGINT NOT NULL,
    lot    BIGINT NOT NULL, -- sampling_lots.seq
    PRIMARY KEY (digest, lot)
);

-- What is to be reviewed, and why.
CREATE TABLE sampling_picks (
    id            TEXT PRIMARY KEY,
    tenant        TEXT NOT NULL,
    session_id    TEXT NOT NULL,
    lot_id        TEXT NOT NULL, -- '' for what must be reviewed whatever the draw says
    kind          TEXT NOT NULL, -- sample, mandatory, systemic
    closed_ms     BIGINT NOT NULL,
    document      TEXT NOT NULL
);
CREATE INDEX sampling_picks_lot ON sampling_picks (lot_id);
CREATE INDEX sampling_picks_closed ON sampling_picks (tenant, closed_ms);

-- How strictly the next lots of a stratum are inspected, with the lots decided since that began.
CREATE TABLE sampling_strata (
    tenant        TEXT NOT NULL,
    business_line TEXT NOT NULL,
    channel       TEXT NOT NULL,
    bot_version   TEXT NOT NULL,
    state         TEXT NOT NULL,
    score         BIGINT NOT NULL,
    history       TEXT NOT NULL,
    PRIMARY KEY (tenant, business_line, channel, bot_version)
);

-- The day keys. A key is secret until its day is over and published then.
CREATE TABLE sampling_keys (
    zone      TEXT NOT NULL,
    day       TEXT NOT NULL,
    secret    TEXT NOT NULL,
    published SMALLINT NOT NULL,
    PRIMARY KEY (zone, day)
);

-- How far sampling is, by tenant.
CREATE TABLE sampling_progress (
    tenant   TEXT PRIMARY KEY,
    first_ms BIGINT NOT NULL, -- beginning of the first lots
    next_ms  BIGINT NOT NULL  -- beginning of those that are closed next
);

-- Moments that sampling has to remember: when it began, and how far reasons were followed.
CREATE TABLE sampling_marks (
    name  TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL
);
