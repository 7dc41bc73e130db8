package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"mingjian/audit/fund"
	"mingjian/collector"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
	"mingjian/deploy/embedded/tlstest"
)

// everyTopic is what one's own Kafka needs to have.
func everyTopic() []kafka.Topic {
	var out []kafka.Topic
	for _, name := range []string{collector.InteractionsTopic, collector.FindingsTopic, collector.RejectsTopic, fund.OrderTopic, fund.ResultTopic} {
		out = append(out, kafka.Topic{Name: name, Partitions: 1})
	}
	return out
}

// fileOf is a file of the test's own.
func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// aTalk is a file with three events of one session, of which one breaks a rule.
func aTalk(t *testing.T) string {
	t.Helper()
	return fileOf(t, "talk.jsonl", `{"event_id":"1","session_id":"s-1","ts":"2026-11-02T09:00:00+08:00","kind":"session.opened","channel":"app","customer":{"id":"c-7","jurisdiction":"CN"}}
{"event_id":"2","session_id":"s-1","ts":"2026-11-02T09:00:09+08:00","kind":"message","actor":{"role":"bot"},"text":"您好"}
{"event_id":"3","session_id":"s-1","ts":"2026-11-02T09:01:52+08:00","kind":"session.closed","close":{"by":"customer","resolved":true}}
`)
}

// started runs a command until the test ends, which stops it in order.
func started(t *testing.T, cmd *exec.Cmd) *lines {
	t.Helper()
	said := &lines{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(cmd.Args[1:], " "), err, said)
		}
	})
	return said
}

// Against one's own servers, which speak TLS and want to know who comes, everything of an installation works
// from one configuration file, and no password is on a command line or in what is said.
func TestOwnServersAreReachedOverTLS(t *testing.T) {
	a := tlstest.NewAuthority(t)
	broker := kafkatest.StartSecured(t, a, "SCRAM-SHA-512", everyTopic()...)
	engine := clickhousetest.Start(t)
	config := fileOf(t, "mingjian.yaml", fmt.Sprintf(`kafka: [%q]
kafka-ca: %q
kafka-sasl: SCRAM-SHA-512
kafka-user: %q
clickhouse: %q
clickhouse-ca: %q
clickhouse-user: %q
store: %q
`, broker, a.File, kafkatest.User, engine.OverTLS(t, a), a.File, engine.User, t.TempDir()))
	passwords := []string{
		"MINGJIAN_KAFKA_PASSWORD_FILE=" + fileOf(t, "kafka", kafkatest.Password+"\n"),
		"MINGJIAN_CLICKHOUSE_PASSWORD_FILE=" + fileOf(t, "clickhouse", engine.Password+"\n"),
	}
	own := func(command string, args ...string) *exec.Cmd {
		cmd := mingjian(append([]string{command, "--config", config}, args...)...)
		cmd.Env = append(cmd.Env, passwords...)
		return cmd
	}
	eventually := func(said *lines, what string, ok func() bool) {
		t.Helper()
		for began := time.Now(); !ok(); time.Sleep(200 * time.Millisecond) {
			if time.Since(began) > 2*time.Minute {
				t.Fatalf("not seen in 2 minutes: %s\n%s", what, said)
			}
		}
	}

	collecting := started(t, own("collect"))
	if out, err := own("import", aTalk(t)).CombinedOutput(); err != nil {
		t.Fatalf("import: %v\n%s", err, out)
	}
	var found []byte
	eventually(collecting, "a finding", func() bool {
		var err error
		found, err = own("sql", "--csv", "SELECT count(), uniqExact(session_id), (SELECT count() FROM mingjian.interactions_v) FROM mingjian.findings_v WHERE rule = 'cn-ai-label-missing'").Output()
		return err == nil && bytes.HasSuffix(bytes.TrimSpace(found), []byte("\n1,1,3"))
	})
	if out, err := own("doctor", "--deep").CombinedOutput(); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}

	serving := started(t, own("serve", "--listen", "127.0.0.1:0"))
	var at []string
	eventually(serving, "an address", func() bool {
		at = regexp.MustCompile(`listen on (\S+);`).FindStringSubmatch(serving.String())
		return at != nil
	})
	eventually(serving, "readiness", func() bool {
		answer, err := http.Get("http://" + at[1] + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	for _, command := range [][]string{{"collect"}, {"serve", "--listen", "127.0.0.1:0"}, {"replay-rejects"}, {"audit", "erase", "--tenant", "default", "--customer", "c-7", "--reason", "r"}} {
		out, err := own(command[0], append(command[1:], "--store", t.TempDir(), "--log-level", "error")...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "name that one's --store") || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%v with another store: %v\n%s", command, err, out)
		}
	}

	t.Setenv(kafkaPassword, kafkatest.Password)
	cluster, err := (&secured{KafkaCA: a.File, KafkaSASL: "scram-sha-512", KafkaUser: kafkatest.User}).kafka([]string{broker})
	if err != nil {
		t.Fatal(err)
	}
	client := &kafkago.Client{Addr: cluster.Addr(), Transport: cluster.Transport("test")}
	eventually(serving, "who reads what became of payouts", func() bool {
		groups, err := client.DescribeGroups(t.Context(), &kafkago.DescribeGroupsRequest{GroupIDs: []string{payoutGroup}})
		return err == nil && len(groups.Groups) == 1 && len(groups.Groups[0].Members) == 1
	})
	for _, said := range []*lines{collecting, serving} {
		if strings.Contains(said.String(), kafkatest.Password) || strings.Contains(said.String(), engine.Password) {
			t.Errorf("a password is said:\n%s", said)
		}
	}
}

// A certificate lets in too, with its key in the same file or in one of its own.
func TestACertificateLetsIn(t *testing.T) {
	a := tlstest.NewAuthority(t)
	broker := kafkatest.StartSecured(t, a, "", everyTopic()...)
	certificate, key := a.Issue("mingjian")
	var both []byte
	for _, file := range []string{certificate, key} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, text...)
	}
	for _, flags := range [][]string{
		{"--kafka-certificate", certificate, "--kafka-key", key},
		{"--kafka-certificate", fileOf(t, "both.pem", string(both))},
	} {
		if out, err := mingjian(append([]string{"import", "--kafka", broker, "--kafka-ca", a.File, aTalk(t)}, flags...)...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", flags, err, out)
		}
	}
}

// What cannot work is told in one line with the way out, before anything is sent.
func TestWhatIsAskedOfConnectionsMustMakeSense(t *testing.T) {
	a := tlstest.NewAuthority(t)
	broker := kafkatest.StartSecured(t, a, "PLAIN", everyTopic()...)
	certificate, _ := a.Issue("mingjian")
	talk, nothing := aTalk(t), fileOf(t, "nothing.pem", "no certificate")
	named, in := "MINGJIAN_KAFKA_PASSWORD=guessed", []string{"import", talk, "--kafka", broker}
	in256 := append(in, "--kafka-sasl", "scram-sha-256", "--kafka-user", "u")
	trusted := append(in, "--kafka-ca", a.File, "--kafka-user", kafkatest.User)
	for name, tc := range map[string]struct {
		args []string
		env  string
		want string
	}{
		"without brokers of one's own": {[]string{"import", talk, "--kafka-tls"}, "", "--kafka names"},
		"a key alone":                  {append(in, "--kafka-key", certificate), "", "--kafka-certificate"},
		"a certificate without a key":  {append(in, "--kafka-certificate", certificate), "", "--kafka-certificate"},
		"a user who does not sign in":  {append(in, "--kafka-user", "u"), "", "--kafka-sasl"},
		"nobody who signs in":          {append(in, "--kafka-sasl", "scram-sha-512"), named, "--kafka-user"},
		"no password":                  {in256, "", "MINGJIAN_KAFKA_PASSWORD"},
		"no file with a password":      {in256, "MINGJIAN_KAFKA_PASSWORD_FILE=/no/such/file", "/no/such/file"},
		"an empty file":                {in256, "MINGJIAN_KAFKA_PASSWORD_FILE=" + fileOf(t, "empty", "\n"), "is empty"},
		"two lines in a file":          {in256, "MINGJIAN_KAFKA_PASSWORD_FILE=" + fileOf(t, "two", "guessed\nguessed\n"), "RFC 4013"},
		"a password in the clear":      {append(in, "--kafka-sasl", "plain", "--kafka-user", "u"), named, "add --kafka-tls"},
		"another mechanism":            {append(in, "--kafka-sasl", "gssapi", "--kafka-user", "u"), named, "scram-sha-512"},
		"no authority":                 {append(in, "--kafka-ca", nothing), "", "there is no certificate in"},
		"no file of an authority":      {append(in, "--kafka-ca", "/no/such/file"), "", "/no/such/file"},
		"an authority left empty":      {in, "MINGJIAN_KAFKA_CA=", "was left empty"},
		"an authority of ClickHouse's": {[]string{"sql", "SELECT 1", "--clickhouse-ca", a.File, "--data", t.TempDir()}, "", "--clickhouse names"},
		"brokers that speak TLS":       {in, "", "--kafka-tls"},
		"a password that is guessed":   {append(trusted, "--kafka-sasl", "plain"), named, "--kafka-sasl"},
		"a mechanism of the others":    {append(trusted, "--kafka-sasl", "scram-sha-256"), "MINGJIAN_KAFKA_PASSWORD=" + kafkatest.Password, "--kafka-sasl"},
		"brokers that are not trusted": {append(in, "--kafka-tls", "--kafka-sasl", "plain", "--kafka-user", kafkatest.User), named, "--kafka-ca"},
		"a topic that one may not see": {append(in, "--kafka-ca", a.File, "--kafka-user", kafkatest.Stranger, "--kafka-sasl", "plain"), "MINGJIAN_KAFKA_PASSWORD=" + kafkatest.Password, "--kafka-user read and write it"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := mingjian(tc.args...)
			var said bytes.Buffer
			cmd.Env, cmd.Stderr = append(cmd.Env, tc.env), &said
			if err := cmd.Run(); err == nil || !strings.Contains(said.String(), tc.want) || strings.Count(said.String(), "\n") != 1 || strings.Contains(said.String(), "guessed") {
				t.Errorf("%v\n%swant a failure in one line with %q", err, &said, tc.want)
			}
		})
	}
}
