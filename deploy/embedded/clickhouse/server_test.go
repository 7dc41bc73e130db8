package clickhouse_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// A call is one plain HTTP request, as curl sends it.
type call struct {
	method string // POST
	path   string // /
	params url.Values
	header http.Header
	host   string
	body   string
	user   string // of basic authentication; "-" sends none
	pass   string
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (c call) do(t *testing.T, ch *clickhousetest.Server) answer {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodPost
	}
	if c.path == "" {
		c.path = "/"
	}
	req, err := http.NewRequestWithContext(t.Context(), c.method, ch.URL+c.path+"?"+c.params.Encode(), strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	req.Host = c.host
	switch c.user {
	case "":
		req.SetBasicAuth(ch.User, ch.Password)
	case "-":
	default:
		req.SetBasicAuth(c.user, c.pass)
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b), err}
}

// ask runs a statement that must succeed.
func ask(t *testing.T, ch *clickhousetest.Server, statement string) string {
	t.Helper()
	a := call{body: statement}.do(t, ch)
	if a.status != http.StatusOK || a.err != nil {
		t.Fatalf("%s: %d %s %v", statement, a.status, a.body, a.err)
	}
	return a.body
}

func values(kv ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		v.Set(kv[i], kv[i+1])
	}
	return v
}

// What one would try with curl does what it does with a ClickHouse server.
func TestStatements(t *testing.T) {
	ch := clickhousetest.Start(t)
	for _, s := range []string{
		"CREATE TABLE t (a Int64, s String DEFAULT 'd') ENGINE = MergeTree ORDER BY a",
		"INSERT INTO t VALUES (1, 'a;b'), (2, 'it''s -- no comment')",
		"INSERT INTO t FORMAT JSONEachRow {\"a\": 3, \"s\": \"x\"}\n\n{\"a\": 4}",
		"-- a comment\nINSERT INTO default.t (s, a)\n\tFORMAT CSV\n\"five\",5\n",
		"INSERT INTO t (a, s) SETTINGS async_insert = 0 VALUES (6, 'six');",
		"INSERT INTO t (a) SELECT number + 7 FROM numbers(2)",
		"ALTER TABLE t ADD COLUMN z UInt8 DEFAULT 9",
		"RENAME TABLE t TO u",
	} {
		if got := ask(t, ch, s); got != "" {
			t.Errorf("%s: %q", s, got)
		}
	}
	// Data in the body, the statement in the URL; binary data too.
	for statement, body := range map[string]string{
		"INSERT INTO u (a, s) FORMAT TabSeparated": "20\tnul \\0 明\n",
		"INSERT INTO u (a, s) FORMAT RowBinary":    "\x15\x00\x00\x00\x00\x00\x00\x00\x03\n\x00'",
		"INSERT INTO u (a, s) VALUES":              "(22, '\\'')",
		"INSERT INTO u (a, s) VALUES (23,":         "'half')",
	} {
		if a := (call{params: values("query", statement), body: body}).do(t, ch); a.status != http.StatusOK || a.body != "" {
			t.Errorf("%s: %d %s", statement, a.status, a.body)
		} else if w := summary(t, a)["written_rows"]; w != "1" {
			t.Errorf("%s: %s rows written", statement, w)
		}
	}
	for statement, want := range map[string]string{
		"SELECT a, s FROM u ORDER BY a FORMAT TSVRaw":                 "1\ta;b\n2\tit's -- no comment\n3\tx\n4\td\n5\tfive\n6\tsix\n7\td\n8\td\n20\tnul \x00 明\n21\t\n\x00'\n22\t'\n23\thalf\n",
		"SELECT\n  'line\nbreak', /* ; */ 1;\n-- end":                 "line\\nbreak\t1\n",
		"SELECT 1 AS format":                                          "1\n",
		"SELECT 1 AS x FORMAT CSVWithNames SETTINGS max_threads = 1;": "\"x\"\n1\n",
		"WITH x AS (SELECT 1 AS y) SELECT y FROM x":                   "1\n",
		"(SELECT 1) UNION ALL (SELECT 1)":                             "1\n1\n",
		"SELECT 1 WHERE 0":                                            "",
		"EXISTS TABLE u":                                              "1\n",
		"SHOW TABLES":                                                 "u\n",
		"DESCRIBE TABLE u FORMAT CSV":                                 "\"a\",\"Int64\",\"\",\"\",\"\",\"\",\"\"\n\"s\",\"String\",\"DEFAULT\",\"'d'\",\"\",\"\",\"\"\n\"z\",\"UInt8\",\"DEFAULT\",\"9\",\"\",\"\",\"\"\n",
		"SELECT count() FROM system.tables WHERE database = 'system' AND name LIKE '%\\_log'": "0\n",
		"SELECT version() LIKE '26.%', timezone() != ''":                                      "1\t1\n",
	} {
		if got := ask(t, ch, statement); got != want {
			t.Errorf("%s: %q, want %q", statement, got, want)
		}
	}
	ask(t, ch, "DROP TABLE u SYNC")
	// A document format is one document, however many blocks it is of.
	var doc struct{ Rows int }
	if err := json.Unmarshal([]byte(ask(t, ch, "SELECT number FROM numbers(200000) FORMAT JSON")), &doc); err != nil || doc.Rows != 200000 {
		t.Errorf("JSON: %v, %d rows", err, doc.Rows)
	}
}

func summary(t *testing.T, a answer) (m map[string]string) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.header.Get("X-ClickHouse-Summary")), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestProtocol(t *testing.T) {
	ch := clickhousetest.Start(t)
	for _, path := range []string{"/ping", "/", "/replicas_status"} {
		if a := (call{method: "GET", path: path, user: "-"}).do(t, ch); a.status != 200 || a.body != "Ok.\n" {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
		if a := (call{method: "HEAD", path: path, user: "-"}).do(t, ch); a.status != 200 || a.body != "" {
			t.Errorf("HEAD %s: %d %q", path, a.status, a.body)
		}
	}
	if a := (call{method: "GET", path: "/nowhere"}).do(t, ch); a.status != 404 || !strings.HasPrefix(a.body, "There is no handle /nowhere") {
		t.Errorf("%d %q", a.status, a.body)
	}

	a := call{method: "GET", params: values("query", "SELECT 1 AS x", "query_id", "my id", "default_format", "JSONEachRow")}.do(t, ch)
	if a.body != "{\"x\":1}\n" {
		t.Errorf("%d %q", a.status, a.body)
	}
	for name, want := range map[string]string{
		"X-ClickHouse-Query-Id": "^my id$", "X-ClickHouse-Format": "^JSONEachRow$", "X-ClickHouse-Timezone": ".",
		"X-ClickHouse-Server-Display-Name": ".", "Content-Type": "^application/x-ndjson", "X-ClickHouse-Exception-Tag": "^[A-Z0-9]{16}$",
	} {
		if !regexp.MustCompile(want).MatchString(a.header.Get(name)) {
			t.Errorf("%s: %q", name, a.header.Get(name))
		}
	}
	if s := summary(t, a); s["result_rows"] != "1" {
		t.Errorf("summary %v", s)
	}
	if a := (call{body: "SELECT 1", header: http.Header{"X-Clickhouse-Format": {"JSONCompactEachRow"}}}).do(t, ch); a.body != "[1]\n" {
		t.Errorf("format by header: %q", a.body)
	}
	if a := (call{params: values("query", "SELECT {a:UInt8} + 1,", "param_a", "41", "param_s", `it's\t\\`), body: "{s:String} FORMAT TSVRaw"}).do(t, ch); a.body != "42\tit's\t\\\n" {
		t.Errorf("parameters: %q", a.body)
	}
	// Settings and database belong to one request.
	ask(t, ch, "CREATE DATABASE `od``d`")
	if a := (call{params: values("database", "od`d", "max_threads", "3"), body: "SELECT currentDatabase(), getSetting('max_threads')"}).do(t, ch); a.body != "od`d\t3\n" {
		t.Errorf("%q", a.body)
	}
	for range 20 {
		if got := ask(t, ch, "SELECT currentDatabase(), getSetting('max_threads') = 3"); got != "default\t0\n" {
			t.Fatalf("settings leaked: %q", got)
		}
	}

	for name, c := range map[string]struct {
		call   call
		status int
		code   string
		body   string
	}{
		"syntax":       {call{body: "SELEC 1"}, 400, "62", `^Code: 62\. DB::Exception: Syntax error: .* \(SYNTAX_ERROR\) \(version 26\.\S+ \(official build\)\)\n$`},
		"table":        {call{body: "SELECT * FROM nowhere"}, 404, "60", `^Code: 60\. .*\(UNKNOWN_TABLE\)`},
		"database":     {call{params: values("database", "nope"), body: "SELECT 1"}, 404, "81", "UNKNOWN_DATABASE"},
		"setting":      {call{params: values("no_such", "1"), body: "SELECT 1"}, 404, "115", "UNKNOWN_SETTING"},
		"setting name": {call{params: values("a` = 1, b", "1"), body: "SELECT 1"}, 404, "115", "UNKNOWN_SETTING"},
		"several":      {call{body: "SELECT 1; DROP TABLE x"}, 400, "62", "Multi-statements"},
		"empty":        {call{}, 400, "62", "Empty query"},
		"outfile":      {call{body: "SELECT 1 INTO OUTFILE '/tmp/x'"}, 500, "358", "INTO_OUTFILE_NOT_ALLOWED"},
		"get writes":   {call{method: "GET", params: values("query", "CREATE TABLE x (a Int8) ORDER BY a")}, 500, "164", "READONLY"},
		"session":      {call{params: values("session_id", "1"), body: "SELECT 1"}, 501, "48", "session_id"},
		"bad gzip":     {call{body: "SELECT 1", header: http.Header{"Content-Encoding": {"gzip"}}}, 400, "117", "INCORRECT_DATA"},
		"bad frame":    {call{params: values("decompress", "1"), body: "SELECT 1"}, 400, "117", "INCORRECT_DATA"},
		"bad rows":     {call{body: "INSERT INTO FUNCTION null('a UInt8') FORMAT JSONEachRow {\"a\": \"x\"}"}, 400, "", ""},
		"bad coding":   {call{body: "x", header: http.Header{"Content-Encoding": {"rot13"}}}, 501, "48", "rot13"},
	} {
		a := c.call.do(t, ch)
		if a.status != c.status || c.code != "" && a.header.Get("X-ClickHouse-Exception-Code") != c.code || !regexp.MustCompile(c.body).MatchString(a.body) {
			t.Errorf("%s: %d, code %s, %q", name, a.status, a.header.Get("X-ClickHouse-Exception-Code"), a.body)
		}
		if strings.Contains(a.body, "/proc/self/fd") {
			t.Errorf("%s: the error shows the statement as it was rewritten: %q", name, a.body)
		}
	}
}

// An error behind the first mebibyte cannot pass for the end of the answer,
// and with wait_end_of_query has a status of its own.
func TestLateError(t *testing.T) {
	ch := clickhousetest.Start(t)
	late := "SELECT number, throwIf(number = 3000000) FROM numbers(4000000) SETTINGS max_block_size = 8192, http_write_exception_in_output_format = 0"
	a := call{body: late}.do(t, ch)
	if a.status != 200 || a.err == nil {
		t.Errorf("%d, %v", a.status, a.err)
	}
	tag := a.header.Get("X-ClickHouse-Exception-Tag")
	end := a.body[max(0, len(a.body)-2000):]
	if !regexp.MustCompile(`(?s)\r\n__exception__\r\n` + tag + `\r\nCode: 395\. .*\n\d+ ` + tag + `\r\n__exception__\r\n$`).MatchString(end) {
		t.Errorf("the answer ends in %q", end)
	}
	a = call{params: values("wait_end_of_query", "1"), body: late}.do(t, ch)
	if a.status != 500 || a.header.Get("X-ClickHouse-Exception-Code") != "395" {
		t.Errorf("%d %.200s", a.status, a.body)
	}
	a = call{params: values("wait_end_of_query", "1"), body: "SELECT repeat('x', 99) FROM numbers(100000)"}.do(t, ch)
	if a.status != 200 || len(a.body) != 100*100000 || summary(t, a)["result_rows"] != "100000" {
		t.Errorf("%d, %d bytes, %v", a.status, len(a.body), a.header)
	}
}

// Every content coding is understood and spoken.
func TestCodings(t *testing.T) {
	ch := clickhousetest.Start(t)
	codings := map[string]struct {
		write func(io.Writer) io.WriteCloser
		read  func(io.Reader) (io.Reader, error)
	}{
		"gzip":    {func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		"deflate": {func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }},
		"br":      {func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }, func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }},
		"lz4":     {func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) }, func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
		"zstd": {func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		}, func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }},
	}
	for name, c := range codings {
		var packed bytes.Buffer
		w := c.write(&packed)
		if _, err := io.WriteString(w, "SELECT number FROM numbers(200000)"); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		a := call{params: values("enable_http_compression", "1"), body: packed.String(),
			header: http.Header{"Content-Encoding": {name}, "Accept-Encoding": {name + ";q=0.5, identity"}}}.do(t, ch)
		if a.status != 200 || a.header.Get("Content-Encoding") != name {
			t.Errorf("%s: %d %v", name, a.status, a.header)
			continue
		}
		r, err := c.read(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || bytes.Count(b, []byte("\n")) != 200000 || !bytes.HasSuffix(b, []byte("\n199999\n")) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	// A zstd frame of one raw block that asks for a window of 32 MiB.
	if a := (call{body: "\x28\xb5\x2f\xfd\x00\x78\x41\x00\x00SELECT 1", header: http.Header{"Content-Encoding": {"zstd"}}}).do(t, ch); a.status != http.StatusBadRequest || !strings.Contains(a.body, "window") {
		t.Errorf("a huge window: %d %s", a.status, a.body)
	}
	if a := (call{body: "\x28\xb5\x2f\xfd\x00\x68\x41\x00\x00SELECT 1", header: http.Header{"Content-Encoding": {"zstd"}}}).do(t, ch); a.body != "1\n" {
		t.Errorf("a window of 8 MiB: %d %s", a.status, a.body)
	}
	if a := (call{params: values("query", "SELECT 1"), header: http.Header{"Accept-Encoding": {"gzip"}}}).do(t, ch); a.body != "1\n" {
		t.Errorf("compressed without being asked: %q", a.body)
	}
}

func TestAuthentication(t *testing.T) {
	ch := clickhousetest.Start(t)
	for name, c := range map[string]struct {
		call   call
		status int
	}{
		"basic":                  {call{}, 200},
		"headers":                {call{user: "-", header: http.Header{"X-Clickhouse-User": {ch.User}, "X-Clickhouse-Key": {ch.Password}}}, 200},
		"url":                    {call{user: "-", params: values("user", ch.User, "password", ch.Password)}, 200},
		"reader":                 {call{user: ch.Reader, pass: ch.ReaderPassword}, 200},
		"default":                {call{user: "-"}, 200},
		"default at localhost":   {call{user: "-", host: "localhost:8123"}, 200},
		"default at ::1":         {call{user: "default", host: "[::1]:8123"}, 200},
		"default, rebound name":  {call{user: "-", host: "evil.example:8123"}, 403},
		"default, other address": {call{user: "-", host: "192.0.2.1"}, 403},
		"default, wrong":         {call{user: "default", pass: "x"}, 403},
		"wrong":                  {call{user: ch.User, pass: ch.Password + "x"}, 403},
		"none":                   {call{user: ch.User}, 403},
		"unknown":                {call{user: "nobody", pass: "x"}, 403},
		"named, rebound name":    {call{host: "evil.example"}, 200},
	} {
		c.call.body = "SELECT 1"
		a := c.call.do(t, ch)
		if a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if c.status == 403 && (a.header.Get("X-ClickHouse-Exception-Code") != "516" || !strings.Contains(a.body, "(AUTHENTICATION_FAILED)")) {
			t.Errorf("%s: %q", name, a.body)
		}
	}
}

// A statement whose client has gone does not run on.
func TestClientGone(t *testing.T) {
	ch := clickhousetest.Start(t)
	ask(t, ch, "CREATE TABLE sink (n UInt64) ENGINE = Null")
	for _, statement := range []string{
		"SELECT count() FROM system.numbers WHERE NOT ignore('gone')",
		"INSERT INTO sink SELECT number FROM system.numbers WHERE NOT ignore('gone')",
		"SELECT number, 'gone' FROM system.numbers",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ch.URL, strings.NewReader(statement))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(ch.User, ch.Password)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if resp, err := http.DefaultClient.Do(req.WithContext(ctx)); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}()
		running := func() bool {
			return ask(t, ch, "SELECT count() FROM system.processes WHERE query LIKE '%gone%' AND query_id != queryID()") != "0\n"
		}
		for !running() {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
		<-done
		for running() {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// An INSERT whose body breaks off is not taken for a shorter one.
func TestBodyBreaksOff(t *testing.T) {
	ch := clickhousetest.Start(t)
	ask(t, ch, "CREATE TABLE t (n UInt64) ORDER BY n")
	conn, err := net.Dial("tcp", ch.Addr)
	if err != nil {
		t.Fatal(err)
	}
	login := base64.StdEncoding.EncodeToString([]byte(ch.User + ":" + ch.Password))
	if _, err := io.WriteString(conn, "POST /?query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic "+login+
		"\r\nContent-Length: 1000\r\n\r\n1\n2\n3\n"); err != nil {
		t.Fatal(err)
	}
	for ask(t, ch, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'") == "0\n" {
		time.Sleep(5 * time.Millisecond)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for ask(t, ch, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'") != "0\n" {
		time.Sleep(5 * time.Millisecond)
	}
	if got := ask(t, ch, "SELECT count() FROM t"); got != "0\n" {
		t.Errorf("%s rows of an insert that broke off", got)
	}
}

// Stopping lets a running insert end, and everything is there afterwards.
func TestRestart(t *testing.T) {
	ch := clickhousetest.Start(t)
	ask(t, ch, "CREATE TABLE t (n UInt64) ORDER BY n")
	inserted := make(chan string, 1)
	go func() {
		inserted <- ask(t, ch, "INSERT INTO t SELECT number + sleepEachRow(0.001) FROM numbers(1000) SETTINGS max_block_size = 100")
	}()
	for ask(t, ch, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'") == "0\n" {
		time.Sleep(5 * time.Millisecond)
	}
	ch.Restart()
	<-inserted
	if got := ask(t, ch, "SELECT count() FROM t"); got != "1000\n" {
		t.Errorf("%s rows", got)
	}
}
