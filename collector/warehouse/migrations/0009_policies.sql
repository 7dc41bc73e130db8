-- +goose NO TRANSACTION
-- +goose Up

-- One row per revision of the policies that ever judged here: what its digest covers, so that a finding
-- can be explained by the rules that made it. Like seals, revisions are never deleted.
CREATE TABLE IF NOT EXISTS policies{{.OnCluster}} (
    revision    String CODEC(ZSTD(1)),
    fold        Int64 CODEC(ZSTD(1)),
    at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    files       String CODEC(ZSTD(3)),
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Replacing ""}}
ORDER BY revision
SETTINGS {{.Durable}};

CREATE OR REPLACE VIEW policies_v{{.OnCluster}} AS
SELECT revision, fold, at, files, recorded_at FROM policies FINAL;
