-- +goose NO TRANSACTION
-- +goose Up

-- One row per indicator, tenant, business line and day of the tenant's zone; the highest version stands.
-- A row whose denominator is 0 tells of a day that has nothing left to count, or of one that had nothing
-- to judge, with the reason.
CREATE TABLE IF NOT EXISTS indicators{{.OnCluster}} (
    indicator     LowCardinality(String),
    tenant        LowCardinality(String),
    business_line LowCardinality(String),
    day           Date CODEC(Delta, ZSTD(1)),
    version       Int64 CODEC(ZSTD(1)),
    period        LowCardinality(String),
    unit          LowCardinality(String),
    numerator     Float64 CODEC(ZSTD(1)),
    denominator   Int64 CODEC(ZSTD(1)),
    value         Float64 CODEC(ZSTD(1)),
    low           Float64 CODEC(ZSTD(1)),
    high          Float64 CODEC(ZSTD(1)),
    last          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    state         LowCardinality(String),
    reason        LowCardinality(String),
    finding_id    String CODEC(ZSTD(1)),
    revision      LowCardinality(String),
    recorded_at   DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing "version"}}
ORDER BY (tenant, indicator, day, business_line)
{{.Retention}}
SETTINGS {{.Durable}};

CREATE OR REPLACE VIEW indicators_v{{.OnCluster}} AS
SELECT indicator, tenant, business_line, day, period, unit, numerator, denominator, value, low, high,
       last AS last_at, state, reason, finding_id, revision, version, recorded_at
FROM indicators FINAL;
