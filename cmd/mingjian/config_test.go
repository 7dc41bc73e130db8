package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A flag wins over the environment, the environment over the file, a command's own section over the
// top of the file; a key that no flag answers to is refused by name.
func TestConfigurationOrder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mingjian.yaml")
	text := "partitions: 3\nkafka-listen: file:1\nclickhouse-listen: file:2\nup:\n  clickhouse-listen: section:2\n  listen: section:3\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MINGJIAN_KAFKA_LISTEN", "env:1")
	t.Setenv("MINGJIAN_LISTEN", "env:3")
	c := parse(t, "--config", file, "up", "--listen", "flag:3")
	if got := []string{c.Up.Listen, c.Up.KafkaListen, c.Up.ClickHouseListen}; strings.Join(got, " ") != "flag:3 env:1 section:2" || c.Up.Partitions != 3 {
		t.Fatalf("listen, kafka-listen, clickhouse-listen, partitions = %v, %d", got, c.Up.Partitions)
	}

	if err := os.WriteFile(file, []byte("lisen: x\nup:\n  sed: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := parser(&cli{}).Parse([]string{"--config", file, "up"})
	if err == nil || !strings.Contains(err.Error(), `"lisen"`) || !strings.Contains(err.Error(), `"sed"`) {
		t.Fatalf("typos in the file: %v", err)
	}
}

// What is left empty, or nested where one value is wanted, is a fault: "kafka-tls:" must not mean no TLS.
func TestAConfigurationLeavesNothingOutInSilence(t *testing.T) {
	for text, want := range map[string]string{
		"kafka-tls:\n":          "kafka-tls has nothing",
		"kafka-tls: {ca: /x}\n": "kafka-tls has nothing",
		"kafka-ca: ''\n":        "kafka-ca has nothing",
		"kafka: [~]\n":          "kafka has nothing",
		"kafka-tls: true\nimport:\n  kafka-tls:\n":         "import: kafka-tls has nothing",
		"serve: 127.0.0.1:9000\n":                          `no setting "serve"`,
		"collect:\n  - kafka-tls: true\n":                  `no setting "collect"`,
		"serve:\n  oidc-roles: {auditors: regulator}\n":    "",
		"oidc-roles: {auditors: regulator}\n":              "",
		"import:\nkafka: [127.0.0.1:1]\nkafka-tls: true\n": "",
	} {
		_, err := parser(&cli{}).Parse([]string{"--config", fileOf(t, "mingjian.yaml", text), "import", "talk.jsonl"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func parse(t *testing.T, args ...string) *cli {
	t.Helper()
	var c cli
	if _, err := parser(&c).Parse(args); err != nil {
		t.Fatal(err)
	}
	return &c
}
