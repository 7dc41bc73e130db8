-- +goose NO TRANSACTION
-- +goose Up

-- What is inserted at once is one file until it is merged, and not a hundred: making those took the engine as long
-- as what is in them.
ALTER TABLE interactions{{.OnCluster}} MODIFY SETTING min_bytes_for_wide_part = 67108864;
ALTER TABLE sessions{{.OnCluster}} MODIFY SETTING min_bytes_for_wide_part = 67108864;
