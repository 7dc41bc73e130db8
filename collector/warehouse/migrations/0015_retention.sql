-- +goose NO TRANSACTION
-- +goose Up

-- A session whose person was erased is not judged any more, and what comes of it later is kept without
-- its contents.
ALTER TABLE sessions{{.OnCluster}} ADD COLUMN IF NOT EXISTS erased Bool CODEC(ZSTD(1)) AFTER owners;

-- What a seal needs of a row that was deleted because its time was over: when it was, beside its leaf. A
-- row that was erased still stands, without its contents.
ALTER TABLE erasures{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) AFTER offset,
    ADD COLUMN IF NOT EXISTS gone Bool CODEC(ZSTD(1)) AFTER leaf;

CREATE OR REPLACE VIEW erasures_v{{.OnCluster}} AS
SELECT erasure, tenant, topic, partition, offset, at, lower(hex(leaf)) AS leaf, gone, recorded_at FROM erasures FINAL;

-- Rows are deleted by tenant, jurisdiction and industry, and never while they are held (package
-- audit/retention), which a table's own term cannot know: it is only a ceiling. Evidence has none.
ALTER TABLE interactions{{.OnCluster}} MODIFY {{.Ceiling}} SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE sessions{{.OnCluster}} MODIFY {{.Ceiling}} SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE findings{{.OnCluster}} MODIFY {{.Ceiling}} SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE reviews{{.OnCluster}} MODIFY {{.Ceiling}} SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE cases{{.OnCluster}} MODIFY {{.Ceiling}} SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE fund_entries{{.OnCluster}} MODIFY {{.Ceiling}} SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE finding_versions{{.OnCluster}} MODIFY {{.Ceiling}} SETTINGS materialize_ttl_after_modify = 0;
