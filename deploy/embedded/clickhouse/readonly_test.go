package clickhouse_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// A reader can read, and has no way to do anything else.
func TestReader(t *testing.T) {
	ch := clickhousetest.Start(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "written")
	ask(t, ch, "CREATE TABLE t (a UInt64, file String) ORDER BY a")
	ask(t, ch, "INSERT INTO t VALUES (1, 'x')")
	ask(t, ch, "CREATE TABLE k (a UInt64) ENGINE = Memory")
	before := ask(t, ch, state)
	as := func(method string, params url.Values, statement string) answer {
		return call{method: method, params: params, body: statement, user: ch.Reader, pass: ch.ReaderPassword}.do(t, ch)
	}

	for statement, want := range map[string]string{
		"SELECT a FROM t": "1\n",
		"SELECT t.file FROM t WHERE t.file != 'file(1)' -- file('x')": "x\n",
		"SELECT 1 SETTINGS max_threads = 1":                           "1\n",
		"WITH x AS (SELECT a FROM t) SELECT a FROM x FORMAT CSV":      "1\n",
		"SHOW TABLES": "k\nt\n",
		"EXISTS t":    "1\n",
		"SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name": "k\nt\n",
		"SELECT sum(number) FROM numbers(10)":                                             "45\n",
		"SELECT {n:UInt8}":                                                                "7\n",
		"SELECT a FROM t FORMAT Null":                                                     "",
		"SELECT 1 SETTINGS max_execution_time = 60":                                       "1\n",
	} {
		if a := as("POST", values("param_n", "7", "max_threads", "1", "readonly", "2"), statement); a.status != 200 || a.body != want {
			t.Errorf("%s: %d %q, want %q", statement, a.status, a.body, want)
		}
	}
	for _, statement := range []string{"DESCRIBE t", "EXPLAIN SELECT a FROM t", "SHOW CREATE TABLE t", "CHECK TABLE t", "SHOW GRANTS", "SHOW PROCESSLIST"} {
		if a := as("POST", nil, statement); a.status != 200 && !strings.HasPrefix(statement, "CHECK") {
			t.Errorf("%s: %d %s", statement, a.status, a.body)
		}
	}

	forbidden := []string{
		// Changes.
		"INSERT INTO t VALUES (2, '')", "INSERT INTO t SELECT 2, ''", "INSERT INTO t FORMAT CSV 2,x", "INSERT INTO FUNCTION null('a UInt8') VALUES (1)",
		"INSERT INTO FUNCTION file('" + target + "', CSV, 'a UInt8') VALUES (1)",
		"CREATE TABLE x (a UInt8) ORDER BY a", "CREATE TEMPORARY TABLE x (a UInt8)", "CREATE VIEW x AS SELECT 1", "CREATE DATABASE x",
		"CREATE FUNCTION x AS a -> a", "CREATE USER x", "CREATE DICTIONARY x (a UInt8) PRIMARY KEY a SOURCE(FILE(path '" + secret + "' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
		"ALTER TABLE t DELETE WHERE 1", "DELETE FROM t WHERE 1", "UPDATE t SET file = '' WHERE 1", "DROP TABLE t", "TRUNCATE TABLE t", "RENAME TABLE t TO x",
		"DETACH TABLE t", "ATTACH TABLE t", "OPTIMIZE TABLE t FINAL", "EXCHANGE TABLES t AND k", "UNDROP TABLE x",
		"BACKUP DATABASE default TO File('" + target + "')", "RESTORE DATABASE default FROM File('" + target + "')",
		"CREATE TABLE x (a UInt8) ORDER BY a PARALLEL WITH CREATE TABLE y (a UInt8) ORDER BY a",
		// Rights.
		"SET readonly = 0", "SET ROLE mingjian_writer", "SET ROLE ALL", "SET DEFAULT ROLE ALL TO default", "GRANT ALL ON *.* TO default", "REVOKE ALL ON *.* FROM default",
		"EXECUTE AS default SELECT 1", "USE system", "SET max_threads = 1",
		"SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS readonly = 1",
		"SYSTEM FLUSH LOGS", "SYSTEM DROP MARK CACHE", "SYSTEM SHUTDOWN", "SYSTEM KILL", "SYSTEM STOP MERGES", "KILL QUERY WHERE 1", "KILL MUTATION WHERE 1",
		"BEGIN TRANSACTION",
		// Several statements.
		"SELECT 1; DROP TABLE t", "SELECT 1;\n\nDROP TABLE t", "SELECT 1 /* ; */; SET ROLE ALL",
		// Files and other servers.
		"SELECT * FROM file('SECRET', LineAsString)", "SELECT file('SECRET')", "SELECT `file`('SECRET')", "SELECT \"fi\\x6ce\"('SECRET')", "SELECT file/**/('SECRET')",
		"SELECT arrayMap(file, ['SECRET'])", "SELECT * APPLY(file) FROM (SELECT 'SECRET')", "SELECT * APPLY file FROM (SELECT 'SECRET')",
		"SELECT arrayMap({f:Identifier}, ['SECRET'])", "SELECT arrayMap(x -> file(x), ['SECRET'])", "WITH (x -> file(x)) AS f SELECT f('SECRET')",
		"EXPLAIN SELECT file('SECRET')", "SELECT * FROM view(SELECT file('SECRET'))", "SELECT (SELECT file('SECRET'))",
		"SELECT * FROM `SECRET`", "SELECT * FROM default.`SECRET`", "DESCRIBE TABLE file('SECRET')", "DESCRIBE TABLE `SECRET`",
		"SELECT * FROM fileCluster('default', 'SECRET', LineAsString)", "SELECT * FROM merge('default', 'SECRET')",
		"SELECT * FROM url('http://127.0.0.1:1/', LineAsString, 'a String')", "SELECT * FROM urlCluster('default', 'http://127.0.0.1:1/', LineAsString, 'a String')",
		"SELECT * FROM s3('http://127.0.0.1:1/abc/b', LineAsString, 'a String')", "SELECT * FROM gcs('http://127.0.0.1:1/abc/b', LineAsString, 'a String')",
		"SELECT * FROM azureBlobStorage('http://127.0.0.1:1', 'c', 'p', 'account', 'a2V5', 'CSV', 'auto', 'a String')",
		"SELECT * FROM executable('x', TSV, 'a String')", "SELECT * FROM remote('127.0.0.1:1', system.one)", "SELECT * FROM remoteSecure('127.0.0.1:1', system.one)",
		"SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')", "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'a String')", "SELECT * FROM redis('127.0.0.1:1', 'a', 'a String')",
		"SELECT * FROM sqlite('SECRET', 't')", "SELECT * FROM jdbc('x', 'y')", "SELECT * FROM odbc('DSN=x', 'y')",
		"SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', LineAsString, 'a String')",
		"SELECT * FROM iceberg('http://127.0.0.1:1/abc/b')", "SELECT * FROM deltaLakeLocal('SECRET')", "SELECT * FROM icebergLocal('SECRET')",
		"SELECT 1 INTO OUTFILE '" + target + "'", "SELECT 1 INTO OUTFILE '" + target + "' FORMAT CSV", "SELECT 1 INTO OUTFILE '" + target + "' APPEND AND STDOUT",
		"SHOW TABLES INTO OUTFILE '" + target + "'", "SELECT ‘x INTO OUTFILE '" + target + "' --’",
		"SELECT * FROM format(LineAsString, 'x')", "SELECT 1 FORMAT Template SETTINGS format_template_resultset = 'SECRET'",
		"SELECT 1 SETTINGS format_schema = 'SECRET:x' FORMAT Protobuf", "SELECT 1 SETTINGS output_format_schema = '" + target + "' FORMAT CapnProto",
		"SELECT a FROM t SETTINGS additional_table_filters = {'t': 'a = length(file(''SECRET''))'}", "SELECT 1 AS a SETTINGS additional_result_filter = 'a = length(file(''SECRET''))'",
		"SELECT * FROM eval('SELECT file(\\'SECRET\\')')", "SELECT * FROM eval('SELECT file(\\'SECRET\\')') SETTINGS allow_experimental_eval_table_function = 1",
		"SELECT aiGenerate('x') SETTINGS allow_experimental_ai_functions = 1", "SELECT 1 SETTINGS ast_fuzzer_runs = 1",
		// Bounds.
		"SELECT 1 SETTINGS max_memory_usage = 0", "SELECT 1 SETTINGS max_execution_time = 0", "SELECT 1 SETTINGS max_execution_time = 100000",
		"SELECT 1 SETTINGS max_temporary_data_on_disk_size_for_query = 0", "SELECT 1 SETTINGS max_untracked_memory = 1000000000000",
		"SELECT 1 SETTINGS profile = 'default', max_memory_usage = 0", "SELECT 1 SETTINGS query_cache_tag = 'mine'", "SELECT 1 SETTINGS send_logs_level = 'trace'",
		"DROP TABLE t", "SELECT dictGet('x', 'y', 1)", "COPY t TO '" + target + "'",
	}
	for _, statement := range forbidden {
		statement = strings.ReplaceAll(statement, "SECRET", secret)
		for _, method := range []string{"POST", "GET"} {
			params := values("param_f", "file")
			body := statement
			if method == "GET" {
				params.Set("query", statement)
				body = ""
			}
			if a := as(method, params, body); a.status == http.StatusOK {
				t.Errorf("%s %s: allowed: %q", method, statement, a.body)
			} else if strings.Contains(a.body, "hunter2") {
				t.Errorf("%s %s: shows the file: %q", method, statement, a.body)
			}
		}
	}
	for setting, value := range map[string]string{
		"readonly": "0", "dialect": "kusto", "additional_result_filter": "1", "format_template_row": secret, "format_schema": secret,
		"output_format_schema": target, "allow_experimental_eval_table_function": "1", "max_memory_usage": "0", "max_execution_time": "0", "max_untracked_memory": "1000000000000", "role": "mingjian_writer", "allow_ddl": "1) , readonly = (0", "implicit_table_at_top_level": "t",
	} {
		if a := as("POST", values(setting, value), "INSERT INTO t VALUES (3, '')"); a.status == http.StatusOK {
			t.Errorf("%s = %s and then an INSERT: %s", setting, value, a.body)
		}
		if a := as("POST", values(setting, value), "SELECT 1"); a.status == http.StatusOK && setting != "allow_ddl" {
			t.Errorf("%s = %s is taken", setting, value)
		}
	}
	// What touches an answer does not touch how the statement is understood.
	if a := as("POST", values("limit", "2", "offset", "1", "profile", "default"), "SELECT number FROM numbers(9)"); a.body != "1\n2\n" {
		t.Errorf("limit and offset: %d %q", a.status, a.body)
	}
	if a := as("POST", values("profile", "default", "max_memory_usage", "0"), "SELECT 1"); a.status == http.StatusOK {
		t.Error("another profile frees a reader of its bounds")
	}
	if after := ask(t, ch, state); after != before {
		t.Errorf("a reader changed something:\n%s\nwas\n%s", after, before)
	}
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		t.Errorf("a reader wrote a file: %v", err)
	}
}

// state is all that a reader might have changed.
const state = `SELECT (SELECT groupArray((a, t.file)) FROM t), (SELECT count() FROM k),
	(SELECT arraySort(groupArray((database, name))) FROM system.tables WHERE NOT startsWith(database, 'system')),
	(SELECT arraySort(groupArray(name)) FROM system.databases), (SELECT arraySort(groupArray(name)) FROM system.users),
	(SELECT arraySort(groupArray(tuple(*))) FROM system.grants), (SELECT count() FROM system.functions WHERE origin != 'System')`
