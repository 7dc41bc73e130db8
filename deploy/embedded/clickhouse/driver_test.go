package clickhouse_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/chcol"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// compressions are all that clickhouse-go offers.
var compressions = map[string]*chgo.Compression{
	"none":    nil,
	"lz4":     {Method: chgo.CompressionLZ4},
	"lz4hc":   {Method: chgo.CompressionLZ4HC, Level: 9},
	"zstd":    {Method: chgo.CompressionZSTD, Level: 3},
	"gzip":    {Method: chgo.CompressionGZIP, Level: 3},
	"deflate": {Method: chgo.CompressionDeflate, Level: 3},
	"br":      {Method: chgo.CompressionBrotli, Level: 3},
}

func open(t *testing.T, o *chgo.Options) driver.Conn {
	t.Helper()
	conn, err := chgo.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func exec(t *testing.T, conn driver.Conn, query string, args ...any) {
	t.Helper()
	if err := conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func scan[T any](t *testing.T, conn driver.Conn, query string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// Every type survives the way in and out, under every compression.
func TestTypes(t *testing.T) {
	ch := clickhousetest.Start(t)
	columns := []struct {
		name, kind string
		value      any
	}{
		{"u8", "UInt8", uint8(255)},
		{"i64", "Int64", int64(-1 << 63)},
		{"f64", "Float64", 1.5},
		{"b", "Bool", true},
		{"s", "String", "明鉴 \x00 \t'\\ ⟦phone⟧"},
		{"fs", "FixedString(4)", "ab\x00c"},
		{"d", "Date", time.Date(2026, 10, 12, 0, 0, 0, 0, time.UTC)},
		{"dt", "DateTime('UTC')", time.Date(2026, 10, 12, 10, 0, 1, 0, time.UTC)},
		{"dt64", "DateTime64(3, 'UTC')", time.Date(2026, 10, 12, 10, 0, 1, 987e6, time.UTC)},
		{"lc", "LowCardinality(String)", "app"},
		{"lcn", "LowCardinality(Nullable(String))", ptr("web")},
		{"m", "Map(String, UInt64)", map[string]uint64{"a": 1, "b": 2}},
		{"a", "Array(String)", []string{"x", "", "y"}},
		{"aa", "Array(Array(Int32))", [][]int32{{1}, {}, {2, 3}}},
		{"n", "Nullable(Int32)", (*int32)(nil)},
		{"nn", "Nullable(Int32)", ptr(int32(7))},
		{"dec", "Decimal(38, 9)", decimal.RequireFromString("12345678901234567.123456789")},
		{"u256", "UInt256", *new(big.Int).Lsh(big.NewInt(1), 255)},
		{"e", "Enum8('open' = 1, 'closed' = 2)", "closed"},
		{"t", "Tuple(a UInt8, b String)", map[string]any{"a": uint8(1), "b": "x"}},
		{"id", "UUID", uuid.MustParse("0192f0c1-0000-7000-8000-000000000001")},
		{"ne.k", "Array(String)", []string{"p", "q"}}, // the columns of a Nested
		{"ne.v", "Array(UInt8)", []uint8{1, 2}},
	}
	var ddl []string
	for _, c := range columns {
		if !strings.HasPrefix(c.name, "ne.") {
			ddl = append(ddl, c.name+" "+c.kind)
		}
	}
	for name, compression := range compressions {
		t.Run(name, func(t *testing.T) {
			o := ch.Options()
			o.Compression = compression
			o.Settings = chgo.Settings{"enable_http_compression": 1}
			conn := open(t, o)
			exec(t, conn, "CREATE OR REPLACE TABLE types (row UInt32, "+strings.Join(ddl, ", ")+", ne Nested(k String, v UInt8), j JSON) ENGINE = MergeTree ORDER BY row")
			const rows = 3000
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO types")
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				values := []any{uint32(i)}
				for _, c := range columns {
					values = append(values, c.value)
				}
				if err := batch.Append(append(values, `{"n": 1, "s": "x"}`)...); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			got, err := conn.Query(t.Context(), "SELECT * EXCEPT (row, j), toString(j) FROM types ORDER BY row")
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for ; got.Next(); n++ {
				targets := []any{}
				for _, c := range columns {
					targets = append(targets, reflect.New(reflect.TypeOf(c.value)).Interface())
				}
				var j string
				if err := got.Scan(append(targets, &j)...); err != nil {
					t.Fatal(err)
				}
				for i, c := range columns {
					if v := reflect.ValueOf(targets[i]).Elem().Interface(); !same(v, c.value) {
						t.Fatalf("row %d: %s %s is %#v, want %#v", n, c.name, c.kind, v, c.value)
					}
				}
				if j != `{"n":1,"s":"x"}` {
					t.Fatalf("row %d: JSON is %s", n, j)
				}
			}
			if err := got.Err(); err != nil {
				t.Fatal(err)
			}
			if n != rows {
				t.Fatalf("%d rows, want %d", n, rows)
			}
			var doc chcol.JSON
			if err := conn.QueryRow(t.Context(), "SELECT j FROM types LIMIT 1").Scan(&doc); err != nil {
				t.Fatal(err)
			}
			if v, ok := doc.ValueAtPath("s"); !ok || fmt.Sprint(v) != "{x String}" && fmt.Sprint(v) != "x" {
				t.Errorf("JSON path s is %v", v)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func same(a, b any) bool {
	switch a := a.(type) {
	case time.Time:
		return a.Equal(b.(time.Time))
	case decimal.Decimal:
		return a.Equal(b.(decimal.Decimal))
	case big.Int:
		w := b.(big.Int)
		return a.Cmp(&w) == 0
	}
	return reflect.DeepEqual(a, b)
}

// An error before and amid the answer reaches clickhouse-go as the engine's
// exception, under every compression.
func TestExceptions(t *testing.T) {
	ch := clickhousetest.Start(t)
	for name, compression := range compressions {
		t.Run(name, func(t *testing.T) {
			o := ch.Options()
			o.Compression = compression
			o.Settings = chgo.Settings{"enable_http_compression": 1}
			conn := open(t, o)
			for query, want := range map[string]int32{
				"SELECT * FROM nowhere":                         60,
				"SELECT nothing":                                47,
				"SELEC 1":                                       62,
				"INSERT INTO nowhere SELECT 1":                  60,
				"SELECT 1 SETTINGS no_such_setting=1":           115,
				"SELECT throwIf(number = 10) FROM numbers(100)": 395,
				"SELECT number, throwIf(number = 500000) FROM numbers(600000) SETTINGS max_block_size = 8192": 395,
			} {
				var ex *chgo.Exception
				if err := drain(conn.Query(t.Context(), query)); !errors.As(err, &ex) {
					t.Errorf("%s: %v is no exception", query, err)
				} else if ex.Code != want {
					t.Errorf("%s: code %d, want %d: %s", query, ex.Code, want, ex.Message)
				}
			}
		})
	}
}

func drain(rows driver.Rows, err error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return errors.Join(rows.Err(), rows.Close())
}

// database/sql works as applications use it.
func TestDatabaseSQL(t *testing.T) {
	ch := clickhousetest.Start(t)
	db := chgo.OpenDB(ch.Options())
	defer db.Close()
	ctx := t.Context()
	for _, q := range []string{"CREATE DATABASE other", "CREATE TABLE other.t (a UInt8, b String) ORDER BY a"} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO other.t (b, a)")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if _, err := insert.ExecContext(ctx, fmt.Sprint("row ", i), uint8(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	o := ch.Options()
	o.Auth.Database = "other"
	other := chgo.OpenDB(o)
	defer other.Close()
	var b string
	if err := other.QueryRowContext(ctx, "SELECT b FROM t WHERE a = {a:UInt8} AND b != {s:String}",
		chgo.Named("a", "7"), chgo.Named("s", "it's\t\\ \n明")).Scan(&b); err != nil || b != "row 7" {
		t.Errorf("got %q, %v", b, err)
	}
	var s string
	if err := other.QueryRowContext(ctx, "SELECT {s:String}", chgo.Named("s", "it's 明")).Scan(&s); err != nil || s != "it's 明" {
		t.Errorf("got %q, %v", s, err)
	}
	if err := other.QueryRowContext(ctx, "SELECT b FROM t WHERE a = 200").Scan(&b); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("an empty result gives %v", err)
	}
}

// A query stops when its context ends, though it has not answered yet.
func TestCancel(t *testing.T) {
	ch := clickhousetest.Start(t)
	conn := open(t, ch.Options())
	for i, query := range []string{
		"SELECT count() FROM system.numbers WHERE sipHash64(number) = 1",
		"SELECT sleepEachRow(0.01) FROM numbers(1000000) SETTINGS max_block_size = 100, function_sleep_max_microseconds_per_block = 0",
		"SELECT * FROM system.numbers",
	} {
		mark := fmt.Sprintf("/* cancel-%d */", i)
		running := func() uint64 {
			return scan[uint64](t, conn, "SELECT count() FROM system.processes WHERE query LIKE {q:String} AND query_id != queryID()", chgo.Named("q", "%"+mark+"%"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- drain(conn.Query(ctx, query+mark)) }()
		for running() == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", query, err)
		}
		for running() != 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// Rows pass through: neither a large result nor a large insert is held.
func TestLarge(t *testing.T) {
	ch := clickhousetest.Start(t)
	conn := open(t, ch.Options())
	exec(t, conn, "SELECT 1")
	before := rss(t, ch.PID)
	rows, err := conn.Query(t.Context(), "SELECT number, repeat('x', 2000) FROM numbers(300000)")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || n != 300000 {
		t.Fatalf("%d rows, %v", n, err)
	}
	if grown := peak(t, ch.PID) - before; grown > 500<<20 {
		t.Errorf("a result of 600 MB made the server grow by %d MB", grown>>20)
	}

	exec(t, conn, "CREATE TABLE sink (n UInt64, s String) ENGINE = Null")
	line := "1\t" + strings.Repeat("y", 1997) + "\n"
	row := strings.Repeat(line, 1000)
	var body []io.Reader
	for range 300 {
		body = append(body, strings.NewReader(row))
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ch.URL+"/?query=INSERT+INTO+sink+FORMAT+TSV&max_insert_block_size=2000&min_insert_block_size_rows=0&min_insert_block_size_bytes=0", io.MultiReader(body...))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(ch.User, ch.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if s := resp.Header.Get("X-ClickHouse-Summary"); !strings.Contains(s, `"written_rows":"300000"`) {
		t.Errorf("%s: %s", resp.Status, s)
	}
	if grown := peak(t, ch.PID) - before; grown > 500<<20 {
		t.Errorf("an insert of 600 MB made the server grow by %d MB", grown>>20)
	}
}

func rss(t *testing.T, pid int) int  { return status(t, pid, "VmRSS") }
func peak(t *testing.T, pid int) int { return status(t, pid, "VmHWM") }

// status reads a process's memory, in bytes.
func status(t *testing.T, pid int, field string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			var kb int
			if _, err := fmt.Sscan(rest, &kb); err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("no %s for process %d", field, pid)
	return 0
}

// Writers and readers do not disturb each other.
func TestParallel(t *testing.T) {
	ch := clickhousetest.Start(t)
	o := ch.Options()
	o.MaxOpenConns, o.MaxIdleConns = 20, 20
	conn := open(t, o)
	exec(t, conn, "CREATE TABLE p (writer UInt8, n UInt64, s String) ORDER BY (writer, n)")
	const writers, batches, size = 8, 5, 5000
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for b := range batches {
				batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO p")
				if err != nil {
					t.Error(err)
					return
				}
				var ws []uint8
				var ns []uint64
				var ss []string
				for i := range size {
					ws, ns, ss = append(ws, uint8(w)), append(ns, uint64(b*size+i)), append(ss, "明")
				}
				for i, column := range []any{ws, ns, ss} {
					if err := batch.Column(i).Append(column); err != nil {
						t.Error(err)
						return
					}
				}
				if err := batch.Send(); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range batches * 3 {
				// What a reader sees of a writer are whole batches.
				var n uint64
				if err := conn.QueryRow(t.Context(), "SELECT count() FROM p WHERE writer = {w:UInt8}", chgo.Named("w", fmt.Sprint(w))).Scan(&n); err != nil {
					t.Error(err)
				} else if n%size != 0 {
					t.Errorf("writer %d has %d rows", w, n)
				}
			}
		})
	}
	all.Wait()
	if n := scan[uint64](t, conn, "SELECT uniqExact(writer, n) FROM p"); n != writers*batches*size {
		t.Errorf("%d rows", n)
	}
}
