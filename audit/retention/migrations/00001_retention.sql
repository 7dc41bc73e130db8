-- +goose Up

-- What must not be deleted or erased, whoever asks. A hold that was lifted stays, with who lifted it.
CREATE TABLE retention_holds (
    id         TEXT PRIMARY KEY,
    scope      TEXT NOT NULL,   -- customer, session, tenant, all
    tenant     TEXT NOT NULL,   -- '' for all
    subject    TEXT NOT NULL,   -- the session's id; of a customer a keyed digest
    reason     TEXT NOT NULL,
    placed_by  TEXT NOT NULL,
    placed_ms  BIGINT NOT NULL,
    lifted_by  TEXT NOT NULL,   -- '' while it holds
    lifted_ms  BIGINT NOT NULL,
    lifted_for TEXT NOT NULL    -- why
);
CREATE INDEX retention_holds_newest ON retention_holds (placed_ms DESC, id DESC);

-- What was erased for a person, or deleted because its time was over.
CREATE TABLE retention_erasures (
    id       TEXT PRIMARY KEY,
    kind     TEXT NOT NULL,     -- person, sweep
    tenant   TEXT NOT NULL,
    person   TEXT NOT NULL,     -- keyed digest; '' of a sweep
    names    TEXT NOT NULL,     -- how the customer is known, JSON; '' once it is done
    reason   TEXT NOT NULL,
    terms    TEXT NOT NULL,     -- JSON: by which term a sweep deleted; '' of a person
    actor    TEXT NOT NULL,
    at_ms    BIGINT NOT NULL,
    done_ms  BIGINT NOT NULL,   -- 0 before
    state    TEXT NOT NULL,     -- begun, stated, done
    sessions BIGINT NOT NULL,
    places   BIGINT NOT NULL,   -- rows of the record
    keys     BIGINT NOT NULL,
    root     TEXT NOT NULL      -- over the rows' leaves, hex; '' before it is stated
);
CREATE INDEX retention_erasures_person ON retention_erasures (tenant, person);
CREATE INDEX retention_erasures_state ON retention_erasures (state, kind);

CREATE TABLE retention_sessions (
    erasure    TEXT NOT NULL,
    session_id TEXT NOT NULL,
    PRIMARY KEY (erasure, session_id)
);
