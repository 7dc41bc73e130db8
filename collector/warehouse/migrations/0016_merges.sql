-- +goose NO TRANSACTION
-- +goose Up

-- Where batches come several times a second, the large part of a table was written again with every dozen of
-- small ones: each row four times within a minute, which took the engine twice what inserting it did.
ALTER TABLE interactions{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE sessions{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE findings{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE finding_versions{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE seals{{.OnCluster}} MODIFY SETTING {{.Merges}};
ALTER TABLE rejects{{.OnCluster}} MODIFY SETTING {{.Merges}};

-- A session that goes on is read by a granule of each column, and of small columns the smallest block that was
-- compressed at once held the rows of thirty granules.
ALTER TABLE sessions{{.OnCluster}} MODIFY SETTING min_compress_block_size = 8192;
