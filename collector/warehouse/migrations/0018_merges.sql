-- +goose NO TRANSACTION
-- +goose Up

-- More parts are merged at once, and so each row less often.
ALTER TABLE interactions{{.OnCluster}} MODIFY SETTING {{.MergesBy "60"}};
