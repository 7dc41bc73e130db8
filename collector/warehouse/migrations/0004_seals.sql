-- +goose NO TRANSACTION
-- +goose Up

-- One row per seal. Seals are never deleted, so that they outlive the rows they close; a seal that
-- another owner superseded is kept beside the one that stands.
CREATE TABLE IF NOT EXISTS seals{{.OnCluster}} (
    topic             LowCardinality(String),
    partition         Int64 CODEC(Delta, ZSTD(1)),
    first_offset      Int64 CODEC(Delta, ZSTD(1)),
    last_offset       Int64 CODEC(Delta, ZSTD(1)),
    stored            Int64 CODEC(ZSTD(1)),
    repeats           Int64 CODEC(ZSTD(1)),
    rejected          Int64 CODEC(ZSTD(1)),
    control           Int64 CODEC(ZSTD(1)),
    generation        Int64 CODEC(ZSTD(1)),
    previous          String CODEC(ZSTD(1)),
    id                String CODEC(ZSTD(1)),
    interactions_root String CODEC(ZSTD(1)),
    findings_root     String CODEC(ZSTD(1)),
    revision          LowCardinality(String),
    at                DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    recorded_at       DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing ""}}
ORDER BY (topic, partition, first_offset, generation, id)
SETTINGS index_granularity = 1024, {{.Durable}};

-- Seals form a chain by their field previous. Where two follow the same seal, the one of the higher
-- generation stands; the other and all that follow it are superseded.
CREATE OR REPLACE VIEW seals_v{{.OnCluster}} AS
WITH RECURSIVE lost AS (
    SELECT topic, partition, id FROM (
        SELECT topic, partition, id,
               row_number() OVER (PARTITION BY topic, partition, previous
                                  ORDER BY generation DESC, at DESC, id DESC) AS place
        FROM seals FINAL)
    WHERE place > 1
    UNION ALL
    SELECT n.topic, n.partition, n.id
    FROM seals AS n INNER JOIN lost AS l
      ON n.topic = l.topic AND n.partition = l.partition AND n.previous = l.id
)
SELECT topic, partition, first_offset, last_offset, stored, repeats, rejected, control, generation,
       previous, id, interactions_root, findings_root, revision, at,
       if((topic, partition, id) IN (SELECT topic, partition, id FROM lost), 'superseded', 'standing') AS state,
       recorded_at
FROM seals FINAL;
