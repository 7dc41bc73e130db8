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
			if (strings.Contains(statement, "CREATE ") || strings.Contains(statement, "ALTER ")) && !strings.Contains(statement, ` ON CLUSTER 'main\'s'`) {
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

// Where the server flushes by itself, or replicas stand in for each other, a part's files are not flushed one by one.
func TestInsertsAreDurable(t *testing.T) {
	const one, none = "fsync_after_insert = 1, fsync_part_directory = 1", "fsync_after_insert = 0, fsync_part_directory = 0"
	for want, servers := range map[string][]clauses{
		one:  {{}},
		none: {{Flushed: true}, {Engine: Engine{Replicated: true}}},
	} {
		for _, c := range servers {
			if got := c.Durable(); !strings.HasPrefix(got, want) {
				t.Errorf("%+v: %s", c, got)
			}
		}
	}
}
