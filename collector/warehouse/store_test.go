package warehouse_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// record is a Store on a server that is its own while the test lasts, and a plain connection to look behind it.
type record struct {
	*warehouse.Store
	server *clickhousetest.Server
	conn   driver.Conn
}

func options(s *clickhousetest.Server) warehouse.Options {
	return warehouse.Options{Addr: s.URL, User: s.User, Password: s.Password}
}

func open(tb testing.TB) record {
	tb.Helper()
	server := clickhousetest.Lend(tb)
	store, err := warehouse.Connect(tb.Context(), options(server))
	if err != nil {
		tb.Fatal(err)
	}
	o := server.Options()
	o.Auth.Database = warehouse.DefaultDatabase
	conn, err := clickhouse.Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(); store.Close() })
	return record{store, server, conn}
}

// count answers a query that gives one number.
func (r record) count(tb testing.TB, query string) int {
	tb.Helper()
	var n uint64
	if err := r.conn.QueryRow(tb.Context(), query).Scan(&n); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return int(n)
}

func TestConnectMigratesOnceForAll(t *testing.T) {
	server := clickhousetest.Start(t)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			store, err := warehouse.Connect(t.Context(), options(server))
			if err != nil {
				errs[i] = err
				return
			}
			errs[i] = store.Write(t.Context(), &warehouse.Batch{Interactions: []warehouse.Interaction{{Tenant: "t", SessionID: "s", EventID: "e", At: 1}}})
			store.Close()
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	store, err := warehouse.Connect(t.Context(), options(server)) // again, when all is there
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	events, err := store.Events(t.Context(), "t", "s")
	if err != nil || len(events) != 1 {
		t.Errorf("Events = %d, %v; want the one event", len(events), err)
	}
	if at, newest, err := store.Schema(t.Context()); err != nil || at == 0 || at != newest {
		t.Errorf("schema at %d of %d, %v", at, newest, err)
	}
}

// The embedded server says that it flushes what it acknowledges, and tables leave that to it.
func TestTablesLeaveFlushingToTheServerThatDoesIt(t *testing.T) {
	r := open(t)
	if n := r.count(t, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine_full LIKE '%fsync_after_insert = 1%'"); n != 0 {
		t.Errorf("%d tables flush each file of each part as well", n)
	}
	for setting, want := range map[string]int{
		"merge_selector_base = 20": 5, "merge_selector_base = 60": 1,
		"min_bytes_for_wide_part = 67108864": 2,
	} {
		if n := r.count(t, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine_full LIKE '%"+setting+"%'"); n != want {
			t.Errorf("%d tables have %s, want %d", n, setting, want)
		}
	}
}

func TestConnectSaysWhatToDo(t *testing.T) {
	server := clickhousetest.Start(t)
	good := options(server)
	for _, tc := range []struct {
		name   string
		change func(*warehouse.Options)
		want   string
	}{
		{"wrong password", func(o *warehouse.Options) { o.Password = "not-it" }, "check user and password"},
		{"wrong user", func(o *warehouse.Options) { o.User = "nobody" }, "check user and password"},
		{"nobody listens", func(o *warehouse.Options) { o.Addr = "http://127.0.0.1:1" }, "start it or correct the address"},
		{"native, nobody listens", func(o *warehouse.Options) { o.Addr = "clickhouse://127.0.0.1:1" }, "start it or correct the address"},
		{"no address", func(o *warehouse.Options) { o.Addr = "127.0.0.1" }, "write http://host:port"},
		{"other protocol", func(o *warehouse.Options) { o.Addr = "ftp://127.0.0.1:1" }, "only http://, https:// and clickhouse://"},
		{"user in the address", func(o *warehouse.Options) { o.Addr = "http://u:geheim@127.0.0.1:1" }, "by themselves"},
		{"may only read", func(o *warehouse.Options) { o.User, o.Password = server.Reader, server.ReaderPassword }, "let an administrator start once"},
		{"no database yet", func(o *warehouse.Options) { o.Database, o.ReadOnly = "absent", true }, "start the collector once"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := good
			tc.change(&o)
			store, err := warehouse.Connect(t.Context(), o)
			if err == nil {
				store.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, tc.want)
			}
			for _, secret := range []string{"not-it", "geheim", server.Password} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("error %q gives a password away", err)
				}
			}
		})
	}
}

func TestReadOnlyUserReads(t *testing.T) {
	r := open(t)
	if err := r.Write(t.Context(), &warehouse.Batch{Sessions: []warehouse.Session{{Tenant: "t", SessionID: "s", Version: 1}}}); err != nil {
		t.Fatal(err)
	}
	if store, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: r.server.URL, User: r.server.Reader, Password: r.server.ReaderPassword}); err == nil {
		store.Close()
		t.Fatal("connected in order to write")
	} else if !strings.Contains(err.Error(), "one who may write") {
		t.Fatalf("a reader who wants to write is told %q", err)
	}
	store, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: r.server.URL, User: r.server.Reader, Password: r.server.ReaderPassword, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, found, err := store.Session(t.Context(), "s"); err != nil || !found {
		t.Errorf("Session = %v, %v; want it found", found, err)
	}
	if err := store.Write(t.Context(), &warehouse.Batch{Rejects: []warehouse.Reject{{Topic: "t"}}}); err == nil {
		t.Error("a user who may only read wrote")
	}
}

func TestServerAwayIsNoticedAndOver(t *testing.T) {
	r := open(t)
	batch := &warehouse.Batch{Rejects: []warehouse.Reject{{Topic: "t", Offset: 1, Reason: "json"}}}
	r.server.Kill()
	if err := r.Write(t.Context(), batch); err == nil {
		t.Error("wrote to a server that is gone")
	}
	if err := r.Ping(t.Context()); err == nil {
		t.Error("a server that is gone answered")
	}
	r.server.Restart()
	if err := r.Write(t.Context(), batch); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if n := r.count(t, "SELECT count() FROM rejects_v"); n != 1 {
		t.Errorf("%d rejects, want 1", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Write(ctx, batch); err == nil {
		t.Error("wrote though the caller had gone")
	}
}
