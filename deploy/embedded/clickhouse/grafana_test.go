package clickhouse_test

import (
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"

	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// The official ClickHouse data source uses clickhouse-go over HTTP through
// database/sql, with settings in the URL, as a user who may only read.
func TestGrafana(t *testing.T) {
	ch := clickhousetest.Start(t)
	ask(t, ch, "CREATE DATABASE mingjian")
	ask(t, ch, "CREATE TABLE mingjian.findings (at DateTime64(3, 'UTC'), rule LowCardinality(String), n UInt64, note Nullable(String), tags Map(String, String)) ORDER BY at")
	ask(t, ch, "INSERT INTO mingjian.findings SELECT toDateTime64('2026-10-12 10:00:00', 3, 'UTC') + number, ['a', 'b'][number % 2 + 1], number, NULL, map('k', 'v') FROM numbers(600)")
	ask(t, ch, "CREATE VIEW mingjian.findings_v AS SELECT * FROM mingjian.findings")
	for _, user := range []chgo.Auth{{Username: "default"}, {Username: ch.Reader, Password: ch.ReaderPassword}} {
		for _, compression := range []*chgo.Compression{nil, {Method: chgo.CompressionGZIP}, {Method: chgo.CompressionLZ4}} {
			user.Database = "mingjian"
			db := chgo.OpenDB(&chgo.Options{
				Protocol:    chgo.HTTP,
				Addr:        []string{ch.Addr},
				Auth:        user,
				Compression: compression,
				DialTimeout: 10 * time.Second,
				ReadTimeout: 10 * time.Second,
				Settings:    chgo.Settings{"max_execution_time": 60, "enable_http_compression": 1},
				ClientInfo: chgo.ClientInfo{Products: []struct{ Name, Version string }{
					{Name: "grafana-clickhouse-datasource", Version: "4.14.0"}, {Name: "grafana", Version: "12.4.0"}}},
			})
			if err := db.PingContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			for query, want := range map[string]int{
				"SELECT name FROM system.databases WHERE name = 'mingjian'": 1,
				"SHOW TABLES FROM mingjian":                                 2,
				"DESC TABLE \"mingjian\".\"findings_v\"":                    5,
				"SELECT name, type, database, table FROM system.columns WHERE database IN ('mingjian') AND table IN ('findings')": 5,
				"SELECT timezone()": 1,
				"SELECT toStartOfInterval(toDateTime64(at, 3), INTERVAL 60000 millisecond) as time, rule, count() AS n FROM findings_v " +
					"WHERE ( at >= fromUnixTimestamp64Milli(1791799200000) AND at <= fromUnixTimestamp64Milli(1791799799000) ) GROUP BY time, rule ORDER BY time ASC": 20,
				"SELECT at as \"time\", toFloat64(n) AS value, note, tags FROM findings_v ORDER BY at LIMIT 100": 100,
				"SELECT DISTINCT rule FROM mingjian.findings_v":                                                  2,
				"SELECT * FROM findings_v WHERE n > 10000":                                                       0,
				"EXPLAIN SELECT 1": 3,
				"SELECT distinct arrayJoin(tags.keys) as keys from findings_v LIMIT 1000": 1,
			} {
				rows, err := db.QueryContext(t.Context(), query)
				if err != nil {
					t.Errorf("%s: %v", query, err)
					continue
				}
				n := 0
				for rows.Next() {
					n++
				}
				if err := rows.Err(); err != nil || n != want {
					t.Errorf("%s: %d rows, want %d, %v", query, n, want, err)
				}
				if err := rows.Close(); err != nil {
					t.Error(err)
				}
			}
			if _, err := db.ExecContext(t.Context(), "INSERT INTO findings VALUES (now(), '', 1, '', map())"); err == nil {
				t.Error("a dashboard may write")
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
