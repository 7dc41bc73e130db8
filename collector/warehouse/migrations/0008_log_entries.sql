-- +goose NO TRANSACTION
-- +goose Up

-- One row per entry of the evidence log, for dashboards; the log's own files are the authority. Like
-- seals, entries are never deleted, so that they outlive what they speak of.
CREATE TABLE IF NOT EXISTS log_entries{{.OnCluster}} (
    `index`     Int64 CODEC(Delta, ZSTD(1)),
    key         String CODEC(ZSTD(1)),
    type        LowCardinality(String),
    at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    entry       String CODEC(ZSTD(1)),
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing ""}}
ORDER BY `index`
SETTINGS {{.Durable}};

CREATE OR REPLACE VIEW log_entries_v{{.OnCluster}} AS
SELECT `index`, key, type, at, entry, recorded_at FROM log_entries FINAL;
