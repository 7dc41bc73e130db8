-- +goose NO TRANSACTION
-- +goose Up

-- Whose record this is: the workflow store and master key that collector and audit service had when they
-- first wrote here. With others, rows would be sealed in two logs, and originals encrypted by keys that nobody has.
CREATE TABLE IF NOT EXISTS installation{{.OnCluster}} (
    id          String,
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {{.Replacing ""}}
ORDER BY (id, recorded_at)
SETTINGS {{.Durable}};
