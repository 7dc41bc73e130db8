-- +goose NO TRANSACTION
-- +goose Up

-- One row per refused message. The broker's time stamp is whatever a producer set, so it decides
-- neither partition nor retention.
CREATE TABLE IF NOT EXISTS rejects{{.OnCluster}} (
    topic       LowCardinality(String),
    partition   Int64 CODEC(Delta, ZSTD(1)),
    offset      Int64 CODEC(Delta, ZSTD(1)),
    at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    key         String CODEC(ZSTD(1)),
    reason      LowCardinality(String),
    detail      String CODEC(ZSTD(1)),
    size        Int64 CODEC(ZSTD(1)),
    sha256      String CODEC(ZSTD(1)),
    payload     String CODEC(ZSTD(3)),
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing ""}}
ORDER BY (topic, partition, offset)
{{.Retention}}
SETTINGS index_granularity = 256, {{.Durable}};

CREATE OR REPLACE VIEW rejects_v{{.OnCluster}} AS
SELECT topic, partition, offset, at, key, reason, detail, size, sha256, payload, recorded_at
FROM rejects FINAL;
