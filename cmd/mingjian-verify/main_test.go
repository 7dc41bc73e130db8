package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The verifier needs nobody's server, and so nothing that speaks to one or loads a library.
func TestVerifierDependsOnNoServer(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := string(out)
	if !strings.Contains(deps, "mingjian/audit/export/verify\n") {
		t.Fatalf("these are not its dependencies: %s", deps)
	}
	for _, unwanted := range []string{"purego", "chdb", "clickhouse", "kafka", "sqlite", "pgx", "mingjian/collector/warehouse", "mingjian/audit/store"} {
		if strings.Contains(strings.ToLower(deps), unwanted) {
			t.Errorf("it depends on %s", unwanted)
		}
	}
}

func TestCommandLineThatCannotBeUnderstoodExitsWith2(t *testing.T) {
	for _, args := range [][]string{{"--nonsense"}, {"/no/such/file"}} {
		if code := run(t.Context(), args); code != 2 {
			t.Errorf("%v: exit code %d, expected 2", args, code)
		}
	}
}
