package warehouse

import (
	"io/fs"
	"strings"
	"testing"
)

func TestMigrationsForACluster(t *testing.T) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d migrations, %v", len(names), err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(rendered{files, clauses{Engine: Engine{Replicated: true, Cluster: "main's"}}}, name)
		if err != nil {
			t.Fatal(err)
		}
		for statement := range strings.SplitSeq(string(text), ";\n") {
			if strings.Contains(statement, "CREATE ") && !strings.Contains(statement, ` ON CLUSTER 'main\'s'`) {
				t.Errorf("%s: runs on one node only: %s", name, statement)
			}
			if strings.Contains(statement, "CREATE TABLE") && !strings.Contains(statement, "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}'") {
				t.Errorf("%s: not replicated: %s", name, statement)
			}
		}
	}
	for arguments, want := range map[string]string{
		"":        "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')",
		"version": "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)",
	} {
		if got := (Engine{Replicated: true}).Replacing(arguments); got != want {
			t.Errorf("Replacing(%q) = %s, want %s", arguments, got, want)
		}
	}
	if got := (Engine{}).Replacing("version"); got != "ReplacingMergeTree(version)" {
		t.Errorf("one server: %s", got)
	}
}
