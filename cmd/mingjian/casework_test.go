package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mingjian/audit/fund"
)

func TestTheThresholdsOfFundsComeFromFlagsOrTheFile(t *testing.T) {
	want := []fund.Threshold{{Currency: "CNY", Minor: 900000}, {Tenant: "a/b", Currency: "EUR", Minor: 5}}
	file := filepath.Join(t.TempDir(), "mingjian.yaml")
	if err := os.WriteFile(file, []byte("fund-low: CNY=900000;a/b/EUR=5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*cli{parse(t, "serve", "--fund-low", "CNY=900000;a/b/EUR=5"), parse(t, "--config", file, "serve")} {
		if got := c.Serve.low(); !slices.Equal(got, want) {
			t.Errorf("the thresholds are %+v", got)
		}
	}
	if got := parse(t, "up").Up.low(); got != nil {
		t.Errorf("where none is given there is %+v", got)
	}
	for args, says := range map[string]string{"--look-every=10ms": "at least 1s", "--fund-low=CNY=much": "invalid map value"} {
		for _, command := range []string{"up", "serve"} {
			if _, err := parser(&cli{}).Parse([]string{command, args}); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s %s: %v", command, args, err)
			}
		}
	}
}

func TestTheSecretOfAlertsIsGivenOrKept(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(grafanaSecret, "")
	made, err := secretIn(dir)
	if err != nil || len(made) != 64 {
		t.Fatal(made, err)
	}
	if again, err := secretIn(dir); err != nil || again != made {
		t.Errorf("kept as %q, %v", again, err)
	}
	t.Setenv(grafanaSecret, "the one that is given")
	if given, err := secretIn(dir); err != nil || given != "the one that is given" {
		t.Errorf("given as %q, %v", given, err)
	}
	t.Setenv(grafanaSecret, "")
	if err := os.WriteFile(filepath.Join(dir, grafanaFile), []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secretIn(dir); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("a broken file: %v", err)
	}
}
