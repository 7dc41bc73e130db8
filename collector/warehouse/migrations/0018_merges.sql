-- +goose NO TRANSACTION
-- +goose Up

-- More parts are merged at once, and so each row less often.
ALTER TABLE interactions{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE sessions{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE findings{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE finding_versions{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE seals{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE rejects{{.OnCluster}} MODIFY SETTING {{.Merges}};
