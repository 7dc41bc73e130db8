-- +goose Up
CREATE TABLE reviews (
    id             TEXT PRIMARY KEY, -- digest of what makes it one task
    version        BIGINT NOT NULL,  -- grows with each change that a person must know of
    change         BIGINT NOT NULL,  -- grows with every change; guards the row, orders the mirror
    tenant         TEXT NOT NULL,
    business_line  TEXT NOT NULL,
    channel        TEXT NOT NULL,
    bot_version    TEXT NOT NULL,
    jurisdiction   TEXT NOT NULL,
    language       TEXT NOT NULL,
    session_id     TEXT NOT NULL,
    lot_id         TEXT NOT NULL,    -- '' outside a lot
    kind           TEXT NOT NULL,
    reason         TEXT NOT NULL,
    card_id        TEXT NOT NULL,
    card_version   BIGINT NOT NULL,
    pair_id        TEXT NOT NULL,    -- '' where nobody reviews it a second time
    set_id         TEXT NOT NULL,    -- the calibration set, or ''
    assignee       TEXT NOT NULL,    -- who alone may claim it, or ''
    closed_ms      BIGINT NOT NULL,
    reason_ms      BIGINT NOT NULL,
    due_ms         BIGINT NOT NULL,
    opened_ms      BIGINT NOT NULL,
    state          TEXT NOT NULL,
    inspector      TEXT NOT NULL,    -- who holds or has reviewed it, or ''
    claimed_ms     BIGINT NOT NULL,
    claim_until_ms BIGINT NOT NULL,
    submitted_ms   BIGINT NOT NULL,  -- 0 before
    settled_ms     BIGINT NOT NULL,  -- since when the verdict may be disputed; 0 while its pair waits
    final_ms       BIGINT NOT NULL,
    escalation     BIGINT NOT NULL,  -- the highest level reached, 0 for none
    defective      BIGINT NOT NULL,  -- of the verdict that counts: 1 or 0
    verdict        TEXT NOT NULL,    -- JSON, of the inspector; '' before
    digest         TEXT NOT NULL,    -- of the verdict as it was sent
    outcome        TEXT NOT NULL,    -- JSON, of who decided otherwise; '' where the verdict counts
    dispute        TEXT NOT NULL,    -- JSON, or ''
    decision       TEXT NOT NULL     -- JSON, or ''
);
-- A query uses a partial index where it repeats the index's condition word by word.
CREATE INDEX reviews_claimable ON reviews (due_ms, id) WHERE state IN ('open', 'claimed');
CREATE INDEX reviews_newest ON reviews (opened_ms DESC, id DESC);
CREATE INDEX reviews_due ON reviews (due_ms, id);
CREATE INDEX reviews_lot ON reviews (lot_id);
CREATE INDEX reviews_pair ON reviews (pair_id);
CREATE INDEX reviews_set ON reviews (set_id);
CREATE INDEX reviews_held ON reviews (inspector, state);
CREATE INDEX reviews_unfinished ON reviews (settled_ms) WHERE state IN ('submitted', 'decided');

-- A session reaches an inspector by one task only, for good.
CREATE TABLE review_seen (
    tenant     TEXT NOT NULL,
    session_id TEXT NOT NULL,
    inspector  TEXT NOT NULL,
    task_id    TEXT NOT NULL,
    PRIMARY KEY (tenant, session_id, inspector)
);

-- One row per inspector, locked while they claim, so that two claims at once cannot pass the limit.
CREATE TABLE review_inspectors (
    id        TEXT PRIMARY KEY,
    latest_ms BIGINT NOT NULL
);

CREATE TABLE review_drafts (
    task_id   TEXT NOT NULL,
    inspector TEXT NOT NULL,
    at_ms     BIGINT NOT NULL,
    draft     TEXT NOT NULL, -- JSON, as the page sent it
    PRIMARY KEY (task_id, inspector)
);

-- Two reviews of one session, neither of which may know the other before both are in.
CREATE TABLE review_pairs (
    id         TEXT PRIMARY KEY, -- the first task's
    second_id  TEXT NOT NULL,
    submitted  BIGINT NOT NULL,  -- 0, 1, 2
    state      TEXT NOT NULL,    -- waiting, agreed, disagreed, adjudicated
    differs    TEXT NOT NULL,    -- JSON: what they rated or decided differently
    at_ms      BIGINT NOT NULL,  -- when both were in; 0 before
    adjudicate TEXT NOT NULL     -- the adjudication's task, or ''
);

CREATE TABLE review_escalations (
    task_id TEXT NOT NULL,
    level   BIGINT NOT NULL,
    at_ms   BIGINT NOT NULL,
    PRIMARY KEY (task_id, level)
);

CREATE TABLE review_sets (
    id     TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    name   TEXT NOT NULL,
    maker  TEXT NOT NULL,
    at_ms  BIGINT NOT NULL
);
CREATE TABLE review_set_answers (
    set_id    TEXT NOT NULL,
    source_id TEXT NOT NULL, -- the final review it was made from
    expert    TEXT NOT NULL,
    answer    TEXT NOT NULL, -- JSON: a verdict
    PRIMARY KEY (set_id, source_id)
);

-- Cards as they were when reviews named them. A version never changes.
CREATE TABLE review_cards (
    id       TEXT NOT NULL,
    version  BIGINT NOT NULL,
    document TEXT NOT NULL, -- YAML
    PRIMARY KEY (id, version)
);

-- The secret that says which tasks are reviewed twice. Made once, so that nobody picks.
CREATE TABLE review_keys (
    name   TEXT PRIMARY KEY,
    secret TEXT NOT NULL -- hex
);
