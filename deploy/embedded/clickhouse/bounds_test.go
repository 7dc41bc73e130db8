package clickhouse_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// A reader's statement that wants more memory than its share fails by itself.
func TestReaderMemory(t *testing.T) {
	ch := clickhousetest.Start(t)
	as := func(params ...string) answer {
		return call{params: values(params...), body: "SELECT sum(length(s)) FROM (SELECT groupArray(randomString(1000)) AS s FROM system.numbers)",
			user: ch.Reader, pass: ch.ReaderPassword}.do(t, ch)
	}
	if a := as(); a.status == http.StatusOK || !strings.Contains(a.body, "MEMORY_LIMIT_EXCEEDED") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := as("max_execution_time", "0.1"); a.status != http.StatusRequestTimeout {
		t.Errorf("%d %s", a.status, a.body)
	}
	share := ask(t, ch, "SELECT intDiv(getServerSetting('max_server_memory_usage'), 12)")
	if a := (call{user: ch.Reader, pass: ch.ReaderPassword, body: "SELECT getSetting('max_memory_usage')"}).do(t, ch); a.body != share || share == "0\n" {
		t.Errorf("a reader may use %q bytes, want %q", a.body, share)
	}
}

// However many readers there are, few of them run, and who writes does not wait.
func TestReadersWait(t *testing.T) {
	ch := clickhousetest.Start(t)
	ask(t, ch, "CREATE TABLE t (n UInt64) ORDER BY n")
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 20 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, ch.URL,
			strings.NewReader("SELECT sleepEachRow(0.01), 'endless' FROM system.numbers SETTINGS max_block_size = 10, max_threads = 1 FORMAT Null"))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(ch.Reader, ch.ReaderPassword)
		readers.Go(func() {
			if resp, err := client.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	running := func() string {
		return ask(t, ch, "SELECT count() FROM system.processes WHERE query LIKE '%endless%' AND query_id != queryID()")
	}
	for n := ""; n != "8\n"; n = running() {
		if len(n) > len("8\n") {
			t.Fatalf("%s readers run at the same time", n)
		}
		time.Sleep(5 * time.Millisecond)
	}
	for range 50 {
		ask(t, ch, "INSERT INTO t VALUES (1)")
		if n := running(); n != "8\n" {
			t.Fatalf("%s readers run at the same time", n)
		}
	}
}

// An answer that is held back whole has a bound.
func TestHeldBackTooLong(t *testing.T) {
	ch := clickhousetest.Start(t)
	a := call{params: values("wait_end_of_query", "1"), body: "SELECT repeat('x', 1000000) FROM numbers(1100) SETTINGS max_block_size = 10"}.do(t, ch)
	if a.status != http.StatusInternalServerError || a.header.Get("X-ClickHouse-Exception-Code") != "396" || !strings.Contains(a.body, "ask without it") {
		t.Errorf("%d %.300s", a.status, a.body)
	}
}

// A block that is written anew for a client's protocol has a bound, because it
// is held whole; by default blocks stay far below.
func TestBlockTooLarge(t *testing.T) {
	ch := clickhousetest.Start(t)
	ask := func(more ...string) answer {
		return call{params: values(append([]string{"client_protocol_version", "54460"}, more...)...), body: "SELECT max(blockSize()) FROM numbers(20000)"}.do(t, ch)
	}
	if a := ask(); a.body != "8192\n" {
		t.Errorf("a block has %q rows", a.body)
	}
	if a := ask("max_block_size", "16384"); a.body != "16384\n" {
		t.Errorf("a block has %q rows where the client asks for 16384", a.body)
	}
	a := call{params: values("default_format", "Native", "client_protocol_version", "54460", "max_block_size", "65409"), body: "SELECT repeat('x', 6000) FROM numbers(24000)"}.do(t, ch)
	if a.status != http.StatusInternalServerError || !strings.Contains(a.body, "shorter ones with SETTINGS max_block_size") {
		t.Errorf("%d %.300s", a.status, a.body)
	}
}

// A reader's statement is short.
func TestReaderStatementTooLong(t *testing.T) {
	ch := clickhousetest.Start(t)
	long := "SELECT 1 /*" + strings.Repeat("x", 2<<20) + "*/"
	if a := (call{body: long, user: ch.Reader, pass: ch.ReaderPassword}).do(t, ch); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %.300s", a.status, a.body)
	}
	if a := (call{params: values("max_query_size", "10000000"), body: long}).do(t, ch); a.body != "1\n" {
		t.Errorf("%d %.300s", a.status, a.body)
	}
}
