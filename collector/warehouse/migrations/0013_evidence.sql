-- +goose NO TRANSACTION
-- +goose Up

-- What a seal commits to besides the rows: how its groups stand, and the offsets that have no row.
ALTER TABLE seals{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS findings Int64 CODEC(ZSTD(1)) AFTER findings_root,
    ADD COLUMN IF NOT EXISTS tenants_root String CODEC(ZSTD(1)) AFTER findings,
    ADD COLUMN IF NOT EXISTS tenants String CODEC(ZSTD(1)) AFTER tenants_root,
    ADD COLUMN IF NOT EXISTS gaps String CODEC(ZSTD(1)) AFTER tenants;

-- A row keeps its leaf, so that a row that was changed is named, and that one which was erased still proves
-- all others. Rows are read by offset too, and their table is in another order: a part holds the offsets of
-- the batches that were merged into it, and an index over whole parts passes by the others.
ALTER TABLE interactions{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS leaf String CODEC(NONE) AFTER salt,
    ADD INDEX IF NOT EXISTS place (partition, offset) TYPE minmax GRANULARITY 65536;

ALTER TABLE rejects{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS leaf String CODEC(NONE) AFTER key_id;

-- Every version of every finding in the order in which a batch wrote it: what the roots of findings are
-- over. The table of findings keeps the newest version only. Rows whose seal was never written, because a
-- crash came between, belong to nothing.
CREATE TABLE IF NOT EXISTS finding_versions{{.OnCluster}} (
    topic        LowCardinality(String),
    partition    Int64 CODEC(Delta, ZSTD(1)),
    first_offset Int64 CODEC(Delta, ZSTD(1)),
    seal         String CODEC(ZSTD(1)),
    ordinal      Int64 CODEC(Delta, ZSTD(1)),
    finding_id   String CODEC(ZSTD(1)),
    tenant       LowCardinality(String),
    session_id   String CODEC(ZSTD(1)),
    rule         LowCardinality(String),
    severity     LowCardinality(String),
    status       LowCardinality(String),
    subject      String CODEC(ZSTD(1)),
    at           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    facts        String CODEC(ZSTD(1)),
    revision     LowCardinality(String),
    standing     Bool CODEC(ZSTD(1)),
    version      Int64 CODEC(ZSTD(1)),
    leaf         String CODEC(NONE),
    recorded_at  DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing ""}}
ORDER BY (topic, partition, first_offset, seal, ordinal)
{{.Retention}}
SETTINGS {{.Durable}};

CREATE OR REPLACE VIEW finding_versions_v{{.OnCluster}} AS
SELECT topic, partition, first_offset, seal, ordinal, finding_id, tenant, session_id, rule, severity, status,
       subject, at, facts, revision, if(standing, 'standing', 'withdrawn') AS state, version, lower(hex(leaf)) AS leaf, recorded_at
FROM finding_versions FINAL;

-- One row per row of the record whose contents were destroyed because a person was erased. The leaves are
-- what the log's entry of the erasure commits to. Never deleted, as seals are.
CREATE TABLE IF NOT EXISTS erasures{{.OnCluster}} (
    erasure     String CODEC(ZSTD(1)),
    tenant      LowCardinality(String),
    topic       LowCardinality(String),
    partition   Int64 CODEC(Delta, ZSTD(1)),
    offset      Int64 CODEC(Delta, ZSTD(1)),
    leaf        String CODEC(NONE),
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing ""}}
ORDER BY (topic, partition, offset, erasure)
SETTINGS {{.Durable}};

CREATE OR REPLACE VIEW erasures_v{{.OnCluster}} AS
SELECT erasure, tenant, topic, partition, offset, lower(hex(leaf)) AS leaf, recorded_at FROM erasures FINAL;

CREATE OR REPLACE VIEW interactions_v{{.OnCluster}} AS
SELECT tenant, session_id, event_id, at, kind, role, actor_id, channel, business_line, bot_version,
       jurisdiction, text, text_bytes, mask_kinds, flags, signals, body, labels, extra, key_id,
       lower(hex(leaf)) AS leaf, topic, partition, offset, recorded_at
FROM interactions FINAL{{.PruneFinal}};

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
       previous, id, interactions_root, findings_root, findings, tenants_root, tenants, gaps, revision, at,
       if((topic, partition, id) IN (SELECT topic, partition, id FROM lost), 'superseded', 'standing') AS state,
       recorded_at
FROM seals FINAL;
