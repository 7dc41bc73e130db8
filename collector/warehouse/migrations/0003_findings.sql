-- +goose NO TRANSACTION
-- +goose Up

-- One row per finding and version; the highest version stands or is withdrawn. A finding's id is
-- derived from its session, so that the session in front of the key does not change what is
-- unique, and a session's findings lie together.
CREATE TABLE IF NOT EXISTS findings{{.OnCluster}} (
    finding_id    String CODEC(ZSTD(1)),
    tenant        LowCardinality(String),
    session_id    String CODEC(ZSTD(1)),
    rule          LowCardinality(String),
    pack          LowCardinality(String),
    severity      LowCardinality(String),
    status        LowCardinality(String),
    level         LowCardinality(String),
    subject       String CODEC(ZSTD(1)),
    at            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    facts         String CODEC(ZSTD(1)),
    clauses       Array(LowCardinality(String)),
    revision      LowCardinality(String),
    standing      Bool CODEC(ZSTD(1)),
    version       Int64 CODEC(ZSTD(1)),
    channel       LowCardinality(String),
    business_line LowCardinality(String),
    bot_version   LowCardinality(String),
    jurisdiction  LowCardinality(String),
    customer_id   String CODEC(ZSTD(1)),
    is_deleted    UInt8 CODEC(ZSTD(1)),
    recorded_at   DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    INDEX finding_id finding_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {{.Replacing "version, is_deleted"}}
ORDER BY (session_id, finding_id)
{{.Retention}}
SETTINGS index_granularity = 1024, {{.Durable}};

CREATE OR REPLACE VIEW findings_v{{.OnCluster}} AS
SELECT finding_id, tenant, session_id, rule, pack, severity, status, level, subject, at,
       if(standing, 'standing', 'withdrawn') AS state, version, facts, clauses, revision, channel,
       business_line, bot_version, jurisdiction, customer_id, recorded_at
FROM findings FINAL;
