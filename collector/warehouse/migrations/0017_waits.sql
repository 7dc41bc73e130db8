-- +goose NO TRANSACTION
-- +goose Up

-- What dashboards ask of all sessions stands by itself, so that they need not read the facts of each: two gigabytes
-- of two million. Of sessions that were recorded before, the server reads it from their facts.
ALTER TABLE sessions{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS waits String
        MATERIALIZED if(position(facts, '"waits":[{') > 0, JSONExtractRaw(facts, 'human', 'waits'), '') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS elderly Int8
        MATERIALIZED multiIf(position(facts, '"elder":true') > 0, 1, position(facts, '"elder":false') > 0, 0, -1) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS accessible Bool
        MATERIALIZED position(facts, '"accessible":true') > 0 CODEC(ZSTD(1));

CREATE OR REPLACE VIEW sessions_v{{.OnCluster}} AS
SELECT tenant, session_id, opened AS opened_at,
       if(toUnixTimestamp64Milli(s.closed) = 0, NULL, s.closed) AS closed_at,
       last_at AS last_event_at,
       if(toUnixTimestamp64Milli(s.due) = 0, NULL, s.due) AS due_at,
       if(toUnixTimestamp64Milli(s.closed) = 0, 'open', 'closed') AS state,
       derived, channel, business_line, industry, jurisdiction, customer_id, bot_id, bot_version,
       events, facts, not_assessed, not_assessed_reasons, revision, topic, partition, last_offset,
       version, recorded_at,
       if(elderly < 0, NULL, elderly = 1) AS elder,
       s.accessible AS accessible
FROM sessions AS s FINAL;

CREATE OR REPLACE VIEW waits_v{{.OnCluster}} AS
SELECT tenant, session_id, business_line, channel, jurisdiction, opened AS opened_at, last_at AS last_event_at,
       arrayJoin(JSONExtract(waits,
           'Array(Tuple(asked_at Int64, refused_at Int64, joined_at Int64, ended_at Int64, waited_ms Int64))')) AS wait,
       fromUnixTimestamp64Milli(wait.1, 'UTC') AS asked_at,
       multiIf(wait.3 > 0, 'answered', wait.2 > 0, 'refused', wait.4 > 0, 'left', 'waiting') AS outcome,
       wait.3 > 0 OR wait.4 > 0 AS settled,
       if(settled, wait.5 / 1000, NULL) AS waited_s,
       if(elderly < 0, NULL, elderly = 1) AS elder,
       s.accessible AS accessible
FROM sessions AS s FINAL
WHERE waits != '';
