package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"mingjian/deploy/embedded"
)

// `sql` changes nothing, also for a user of one's own ClickHouse who could.
func TestSQLOnlyReads(t *testing.T) {
	t.Parallel()
	s := up(t, filepath.Join(t.TempDir(), "data"))
	credentials, err := embedded.LoadCredentials(filepath.Join(s.data, embedded.CredentialsFile))
	if err != nil {
		t.Fatal(err)
	}
	password, err := credentials.Password(embedded.WriterUser)
	if err != nil {
		t.Fatal(err)
	}
	var at embedded.Endpoints
	decodeFile(t, filepath.Join(s.data, "endpoints.json"), &at)

	for name, flags := range map[string][]string{
		"the embedded reader":       {"--data", s.data},
		"a user who may do as much": {"--clickhouse", at.ClickHouse, "--clickhouse-user", embedded.WriterUser},
	} {
		for _, statement := range []string{"DROP VIEW mingjian.findings_v", "INSERT INTO mingjian.seals (topic) VALUES ('x')", "CREATE TABLE t (a Int8) ENGINE = Memory"} {
			cmd := mingjian(append(append([]string{"sql"}, flags...), statement)...)
			cmd.Env = append(cmd.Env, "MINGJIAN_CLICKHOUSE_PASSWORD="+password)
			out, err := cmd.CombinedOutput()
			if err == nil || bytes.Contains(out, []byte("panic")) {
				t.Errorf("%s ran %q: %s", name, statement, out)
			}
		}
		cmd := mingjian(append(append([]string{"sql", "--csv"}, flags...), "SELECT 7 AS n, 'a,\"b' AS text, CAST(NULL AS Nullable(String)) AS nothing")...)
		cmd.Env = append(cmd.Env, "MINGJIAN_CLICKHOUSE_PASSWORD="+password)
		if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != "n,text,nothing\n7,\"a,\"\"b\",NULL" {
			t.Errorf("%s reads %q, %v", name, out, err)
		}
		cmd = mingjian(append(append([]string{"sql", "--json"}, flags...), "SELECT number AS n, 'a,\"b' AS text FROM numbers(2)")...)
		cmd.Env = append(cmd.Env, "MINGJIAN_CLICKHOUSE_PASSWORD="+password)
		out, err := cmd.Output()
		var rows []struct {
			N    int
			Text string
		}
		if err != nil || json.Unmarshal(out, &rows) != nil || len(rows) != 2 || rows[1].N != 1 || rows[1].Text != `a,"b` {
			t.Errorf("%s reads %q, %v", name, out, err)
		}
	}
}
