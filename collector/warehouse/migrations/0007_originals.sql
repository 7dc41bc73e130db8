-- +goose NO TRANSACTION
-- +goose Up

-- Masked rows keep the message as it came, encrypted. Ciphertext, keys' ids and salts are random to
-- whoever compresses them, so most is stored as it is. Rows of before have nothing in these columns.
ALTER TABLE interactions{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS mask_kinds Array(LowCardinality(String)) AFTER extra,
    ADD COLUMN IF NOT EXISTS original_enc String CODEC(NONE) AFTER mask_kinds,
    ADD COLUMN IF NOT EXISTS key_id String CODEC(ZSTD(1)) AFTER original_enc,
    ADD COLUMN IF NOT EXISTS salt String CODEC(NONE) AFTER key_id;

ALTER TABLE sessions{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS owners String CODEC(ZSTD(1)) AFTER state;

ALTER TABLE rejects{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS key_id String CODEC(ZSTD(1)) AFTER payload;

-- People see that something was masked, and under which key it lies; not the ciphertext.
CREATE OR REPLACE VIEW interactions_v{{.OnCluster}} AS
SELECT tenant, session_id, event_id, at, kind, role, actor_id, channel, business_line, bot_version,
       jurisdiction, text, text_bytes, mask_kinds, flags, signals, body, labels, extra, key_id,
       topic, partition, offset, recorded_at
FROM interactions FINAL{{.PruneFinal}};

CREATE OR REPLACE VIEW rejects_v{{.OnCluster}} AS
SELECT topic, partition, offset, at, key, reason, detail, size, sha256, payload, key_id, recorded_at
FROM rejects FINAL;
