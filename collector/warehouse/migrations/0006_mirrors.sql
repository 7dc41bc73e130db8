-- +goose NO TRANSACTION
-- +goose Up

-- Copies of workflow state for dashboards: one row per id and version, the highest version stands.
CREATE TABLE IF NOT EXISTS reviews{{.OnCluster}} (
    id          String CODEC(ZSTD(1)),
    version     Int64 CODEC(ZSTD(1)),
    tenant      LowCardinality(String),
    session_id  String CODEC(ZSTD(1)),
    state       LowCardinality(String),
    at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    document    String CODEC(ZSTD(1)),
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing "version"}}
ORDER BY id
{{.Retention}}
SETTINGS {{.Durable}};

CREATE OR REPLACE VIEW reviews_v{{.OnCluster}} AS
SELECT id, version, tenant, session_id, state, at, document, recorded_at FROM reviews FINAL;

CREATE TABLE IF NOT EXISTS cases{{.OnCluster}} (
    id          String CODEC(ZSTD(1)),
    version     Int64 CODEC(ZSTD(1)),
    tenant      LowCardinality(String),
    session_id  String CODEC(ZSTD(1)),
    state       LowCardinality(String),
    at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    document    String CODEC(ZSTD(1)),
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing "version"}}
ORDER BY id
{{.Retention}}
SETTINGS {{.Durable}};

CREATE OR REPLACE VIEW cases_v{{.OnCluster}} AS
SELECT id, version, tenant, session_id, state, at, document, recorded_at FROM cases FINAL;

CREATE TABLE IF NOT EXISTS fund_entries{{.OnCluster}} (
    id          String CODEC(ZSTD(1)),
    version     Int64 CODEC(ZSTD(1)),
    tenant      LowCardinality(String),
    session_id  String CODEC(ZSTD(1)),
    state       LowCardinality(String),
    at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    document    String CODEC(ZSTD(1)),
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing "version"}}
ORDER BY id
{{.Retention}}
SETTINGS {{.Durable}};

CREATE OR REPLACE VIEW fund_entries_v{{.OnCluster}} AS
SELECT id, version, tenant, session_id, state, at, document, recorded_at FROM fund_entries FINAL;

