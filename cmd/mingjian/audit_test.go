package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/review"
	"mingjian/audit/sampling"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
	"mingjian/policies"
)

// A day far ahead: whatever is written now counts as recorded before it.
func TestAuditSamplingVerifySaysWhetherADayIsAsItMustBe(t *testing.T) {
	t.Parallel()
	server := clickhousetest.Start(t)
	record, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: server.URL, User: server.User, Password: server.Password})
	if err != nil {
		t.Fatal(err)
	}
	defer record.Close()
	dir := t.TempDir()
	verify := func(args ...string) (string, string, error) {
		cmd := mingjian(append([]string{"audit", "sampling", "verify", "--clickhouse", server.URL, "--clickhouse-user", server.Reader, "--store", dir}, args...)...)
		cmd.Env = append(cmd.Env, "MINGJIAN_CLICKHOUSE_PASSWORD="+server.ReaderPassword, "MINGJIAN_POSTGRES=")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		return out.String(), errs.String(), err
	}
	if out, told, err := verify("--day", "2090-03-01"); err == nil || out != "" || !strings.Contains(told, "holds no evidence log") {
		t.Errorf("without a log: %v, %q, %q", err, out, told)
	}

	day := time.Date(2090, 3, 1, 0, 0, 0, 0, sampling.Shanghai)
	db, err := store.Open(t.Context(), filepath.Join(dir, "audit.sqlite"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	notary, err := evidence.Open(t.Context(), filepath.Join(dir, evidenceDir), evidence.Options{Store: db, Mirror: record, Settle: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	plans, err := policies.LoadSampling(t.Context(), policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	reviews, err := review.New(t.Context(), db, nil, review.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := day.Add(-time.Hour)
	sampler, err := sampling.New(t.Context(), sampling.Options{Store: db, Record: record, Notary: notary, Tasks: desk{reviews}, Plans: plans, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	sessions := make([]warehouse.Session, 120)
	for i := range sessions {
		closed := day.Add(time.Duration(i) * time.Minute).UnixMilli()
		sessions[i] = warehouse.Session{Tenant: "default", SessionID: fmt.Sprintf("s%03d", i), Version: 1, Closed: closed, LastAt: closed, BusinessLine: "mobile", Channel: "app", BotVersion: "7"}
	}
	pass := func() {
		if err := sampler.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	pass()
	if err := record.Write(t.Context(), &warehouse.Batch{Sessions: sessions}); err != nil {
		t.Fatal(err)
	}
	now = day.Add(25 * time.Hour)
	pass()
	if err := notary.Close(); err != nil {
		t.Fatal(err)
	}

	out, told, err := verify("--day", "2090-03-01")
	if err != nil || !strings.HasPrefix(out, "The sampling of 2090-03-01 is as it must be: 1 lots, 120 sessions,") {
		t.Errorf("%v, %q, %q", err, out, told)
	}
	sessions[77].Version, sessions[77].Channel = 2, "web"
	if err := record.Write(t.Context(), &warehouse.Batch{Sessions: sessions[77:78]}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		OK       bool `json:"ok"`
		Problems []struct{ What, Where string }
	}
	out, told, err = verify("--day", "2090-03-01", "--tenant", "default", "--json")
	if e := json.Unmarshal([]byte(out), &got); e != nil || err == nil || told != "" {
		t.Fatalf("%v, %v, %q, %q", err, e, out, told)
	}
	if got.OK || len(got.Problems) != 1 || got.Problems[0].Where != "session:s077" || !strings.Contains(got.Problems[0].What, "default/mobile/web/7") {
		t.Errorf("%+v", got)
	}
	if out, _, err := verify("--day", "2090-03-01"); err == nil || !strings.Contains(out, "is NOT as it must be") || !strings.Contains(out, "session:s077") {
		t.Errorf("%v, %q", err, out)
	}
	// The dashboards' copy of the log has all of it.
	var copied int
	rows, err := record.Query(t.Context(), "SELECT toInt64(count()) FROM log_entries_v WHERE startsWith(type, 'sampling.')")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		copied = int(n)
	}
	if rows.Close(); copied < 5 {
		t.Errorf("%d entries copied", copied)
	}
	if _, err := os.Stat(filepath.Join(dir, evidenceDir, "checkpoint")); err != nil {
		t.Error(err)
	}
}
