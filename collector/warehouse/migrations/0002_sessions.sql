-- +goose NO TRANSACTION
-- +goose Up

-- One row per session and version; the highest version stands. The key begins with the session,
-- because most messages name no tenant and their session is looked up by its id alone. Smaller
-- granules than usual: such a lookup reads one granule of every column, the fold's state included.
CREATE TABLE IF NOT EXISTS sessions{{.OnCluster}} (
    tenant               LowCardinality(String),
    session_id           String CODEC(ZSTD(1)),
    topic                LowCardinality(String),
    partition            Int64 CODEC(ZSTD(1)),
    last_offset          Int64 CODEC(ZSTD(1)),
    version              Int64 CODEC(ZSTD(1)),
    opened               DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    closed               DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    last_at              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    due                  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    pending              Bool CODEC(ZSTD(1)),
    derived              Bool CODEC(ZSTD(1)),
    channel              LowCardinality(String),
    business_line        LowCardinality(String),
    industry             LowCardinality(String),
    jurisdiction         LowCardinality(String),
    customer_id          String CODEC(ZSTD(1)),
    bot_id               LowCardinality(String),
    bot_version          LowCardinality(String),
    events               Int64 CODEC(ZSTD(1)),
    facts                String CODEC(ZSTD(1)),
    not_assessed         Array(LowCardinality(String)),
    not_assessed_reasons Array(LowCardinality(String)),
    revision             LowCardinality(String),
    state                String CODEC(ZSTD(1)),
    is_deleted           UInt8 CODEC(ZSTD(1)),
    recorded_at          DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing "version, is_deleted"}}
ORDER BY (session_id, tenant)
{{.Retention}}
SETTINGS index_granularity = {{.SessionGranule}}, {{.Durable}};

CREATE OR REPLACE VIEW sessions_v{{.OnCluster}} AS
SELECT tenant, session_id, opened AS opened_at,
       if(toUnixTimestamp64Milli(s.closed) = 0, NULL, s.closed) AS closed_at,
       last_at AS last_event_at,
       if(toUnixTimestamp64Milli(s.due) = 0, NULL, s.due) AS due_at,
       if(toUnixTimestamp64Milli(s.closed) = 0, 'open', 'closed') AS state,
       derived, channel, business_line, industry, jurisdiction, customer_id, bot_id, bot_version,
       events, facts, not_assessed, not_assessed_reasons, revision, topic, partition, last_offset,
       version, recorded_at
FROM sessions AS s FINAL;
