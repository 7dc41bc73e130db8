package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// conversation writes one session of a file of our own: a bot that serves EU customers in English,
// or people who serve people in Chinese.
type conversation struct {
	id      string
	bot     bool
	notice  bool // the bot's first turn says plainly what it is
	turns   int
	started time.Time
}

func (c conversation) write(enc *json.Encoder) (events int) {
	emit := func(after time.Duration, kind string, more map[string]any) {
		e := map[string]any{"event_id": fmt.Sprintf("%s-%d", c.id, events), "session_id": c.id,
			"ts": c.started.Add(after).Format(time.RFC3339Nano), "kind": kind}
		for k, v := range more {
			e[k] = v
		}
		enc.Encode(e)
		events++
	}
	jurisdiction, role := "CN", "agent"
	if c.bot {
		jurisdiction, role = "EU", "bot"
	}
	emit(0, "session.opened", map[string]any{"channel": "web", "business_line": "rail", "industry": "internet",
		"customer": map[string]any{"id": "c-" + c.id, "jurisdiction": jurisdiction}})
	for i := range c.turns {
		ask, answer := "去南京的车几点开？", "上午九点和下午两点各有一班。"
		if c.bot {
			ask, answer = "Which platform does the train to Ghent leave from?", "It leaves from platform 4 at 09:12."
			if i == 0 && c.notice {
				answer = "Hello, I am an AI assistant. " + answer
			}
		}
		emit(time.Duration(2*i+1)*10*time.Second, "message", map[string]any{"actor": map[string]any{"role": "customer"}, "text": ask})
		emit(time.Duration(2*i+2)*10*time.Second, "message", map[string]any{"actor": map[string]any{"role": role, "id": "x-1"}, "text": answer})
	}
	emit(time.Duration(2*c.turns+1)*10*time.Second, "session.closed", map[string]any{
		"actor": map[string]any{"role": "customer"}, "close": map[string]any{"by": "customer", "reason": "ended", "resolved": true}})
	return events
}

// conversations writes n sessions, every fifth with a bot, and returns the count of events.
func conversations(t *testing.T, path, prefix string, n, turns int, notice func(bot int) bool) (events, bots int) {
	writeLines(t, path, func(enc *json.Encoder) {
		for i := range n {
			c := conversation{id: fmt.Sprintf("%s-%04d", prefix, i), turns: turns,
				started: time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute)}
			if i%5 == 0 {
				c.bot, c.notice = true, notice(bots)
				bots++
			}
			events += c.write(enc)
		}
	})
	return events, bots
}

func never(int) bool { return false }

// One import gives exactly the interactions and sessions of the file; again, nothing more. Bots
// that never say what they are break the EU notice rule, each of them; with a plain notice in every
// second one, exactly the others. Sessions without a bot say nothing about AI labels or notices.
func TestImportIsExactAndRepeatable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "rail.jsonl")
	events, bots := conversations(t, file, "rail", 100, 6, never)
	s := up(t, filepath.Join(dir, "data"))

	counts := func() [4]int {
		return [4]int{
			s.count(`SELECT toInt64(count()) AS n FROM mingjian.interactions_v`),
			s.count(`SELECT toInt64(count()) AS n FROM mingjian.sessions_v`),
			s.count(`SELECT toInt64(count()) AS n FROM mingjian.findings_v WHERE rule = 'eu-ai-notice-missing' AND state = 'standing'`),
			s.count(`SELECT toInt64(count()) AS n FROM mingjian.findings_v WHERE rule LIKE '%label%' OR (rule LIKE '%notice%' AND jurisdiction = 'CN')`),
		}
	}
	want := [4]int{events, 100, bots, 0}
	output(t, "import", "--data", s.data, file)
	s.settled(events)
	if got := counts(); got != want {
		t.Fatalf("after one import: interactions, sessions, notice findings, label findings = %v, want %v", got, want)
	}
	output(t, "import", "--data", s.data, file)
	s.settled(2 * events)
	if got := counts(); got != want {
		t.Fatalf("after the same import again: %v, want %v", got, want)
	}

	second := filepath.Join(dir, "told.jsonl")
	more, toldBots := conversations(t, second, "told", 100, 6, func(bot int) bool { return bot%2 == 1 })
	output(t, "import", "--data", s.data, second)
	s.settled(2*events + more)
	if got := s.count(`SELECT toInt64(count()) AS n FROM mingjian.findings_v WHERE rule = 'eu-ai-notice-missing' AND state = 'standing' AND session_id LIKE 'told-%'`); got != toldBots/2 {
		t.Fatalf("with a notice in every second session: %d findings, want %d", got, toldBots/2)
	}

	var page struct {
		Items []struct {
			FindingID string `json:"finding_id"`
			SessionID string `json:"session_id"`
			Rule      string `json:"rule"`
			At        string `json:"at"`
		} `json:"items"`
	}
	s.get("/api/v1/findings?rule=eu-ai-notice-missing&limit=500", &page)
	if len(page.Items) != bots+toldBots/2 {
		t.Fatalf("the API lists %d findings, want %d", len(page.Items), bots+toldBots/2)
	}
	var checks struct{ OK bool }
	if err := json.Unmarshal([]byte(output(t, "doctor", "--json", "--data", s.data)), &checks); err != nil || !checks.OK {
		t.Fatalf("doctor is not content (%v)", err)
	}
}

// Whatever is killed in the middle of an import, a restart and the same import again give the same
// exact counts.
func TestKilledInTheMiddleOfAnImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "rail.jsonl")
	events, bots := conversations(t, file, "rail", 400, 10, never)
	data := filepath.Join(dir, "data")
	s := up(t, data)

	importing := mingjian("import", "--data", data, file)
	if err := importing.Start(); err != nil {
		t.Fatal(err)
	}
	s.wait("some rows", func() bool {
		return s.count(`SELECT toInt64(count()) AS n FROM mingjian.interactions_v`) > 0
	})
	syscall.Kill(s.child("clickhouse"), syscall.SIGKILL)
	time.Sleep(300 * time.Millisecond) // into the outage, so that the next kill finds work in hand
	s.kill()
	importing.Wait() // it may have been through, or have lost its broker: both are fine
	s.wait2gone()

	s = up(t, data)
	output(t, "import", "--data", data, file)
	s.caughtUp()
	got := [3]int{
		s.count(`SELECT toInt64(count()) AS n FROM mingjian.interactions_v`),
		s.count(`SELECT toInt64(count()) AS n FROM mingjian.sessions_v`),
		s.count(`SELECT toInt64(count()) AS n FROM mingjian.findings_v WHERE rule = 'eu-ai-notice-missing' AND state = 'standing'`),
	}
	if want := [3]int{events, 400, bots}; got != want {
		t.Fatalf("interactions, sessions, findings = %v, want %v", got, want)
	}
}

// wait2gone waits until no process of a killed system is left.
func (s *system) wait2gone() {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		left := running(s.data)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("left running: %v", left)
		}
	}
}

// running lists processes that work on a data directory.
func running(data string) (left [][]string) {
	for _, p := range processes() {
		if p.pid != os.Getpid() && slices.ContainsFunc(p.args, func(a string) bool { return strings.Contains(a, data) }) {
			left = append(left, p.args)
		}
	}
	return left
}

// What cannot start says why in one line, leaves with an exit code and leaves nothing running.
func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	busy := up(t, filepath.Join(dir, "busy"))
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	free := []string{"--listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0", "--clickhouse-listen", "127.0.0.1:0"}
	for name, c := range map[string]struct {
		args []string
		env  []string
		says string
	}{
		"a taken console port":    {append(slices.Clone(free), "--data", filepath.Join(dir, "idle-a"), "--listen", taken.Addr().String()), nil, "--listen"},
		"a taken broker port":     {append(slices.Clone(free), "--data", filepath.Join(dir, "idle-b"), "--kafka-listen", taken.Addr().String()), nil, "--kafka-listen"},
		"a taken engine port":     {append(slices.Clone(free), "--data", filepath.Join(dir, "idle-c"), "--clickhouse-listen", taken.Addr().String()), nil, "--clickhouse-listen"},
		"a directory in use":      {append(slices.Clone(free), "--data", busy.data), nil, "another"},
		"a file as directory":     {append(slices.Clone(free), "--data", filepath.Join(plain, "data")), nil, "--data"},
		"a read-only file system": {append(slices.Clone(free), "--data", "/proc/mingjian"), nil, "--data"},
		"half a classifier":       {append(slices.Clone(free), "--data", filepath.Join(dir, "idle-f"), "--classifier-url", "https://models.example.com/v1"), nil, "--classifier-model"},
		"no npm and no library": {append(slices.Clone(free), "--data", filepath.Join(dir, "idle-d")),
			[]string{"PATH=" + dir, "XDG_CACHE_HOME=" + filepath.Join(dir, "cache"), "MINGJIAN_LIBCHDB="}, "npm"},
		"no network": {append(slices.Clone(free), "--data", filepath.Join(dir, "idle-e")),
			[]string{"XDG_CACHE_HOME=" + filepath.Join(dir, "cache"), "MINGJIAN_LIBCHDB=",
				"npm_config_registry=http://127.0.0.1:1", "npm_config_fetch_retries=0"}, "MINGJIAN_LIBCHDB"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := mingjian(append([]string{"up", "--log-level", "error"}, c.args...)...)
			cmd.Env = append(cmd.Env, c.env...)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("exit code 0, printed %q", out)
			}
			if text := strings.TrimSpace(string(out)); strings.Contains(text, "\n") || !strings.Contains(text, c.says) {
				t.Fatalf("want one line that names %q, got:\n%s", c.says, text)
			}
			own := c.args[slices.Index(c.args, "--data")+1]
			if left := running(own); own != busy.data && len(left) > 0 {
				t.Fatalf("left running: %v", left)
			}
		})
	}
	if busy.count(`SELECT 1 AS n`) != 1 {
		t.Fatal("the running system suffered")
	}
}
