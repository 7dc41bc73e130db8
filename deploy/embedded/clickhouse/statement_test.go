package clickhouse

import "testing"

func TestSplitInsert(t *testing.T) {
	for sql, want := range map[string]struct{ head, format, rows string }{
		"INSERT INTO t VALUES (1)":                                     {"INSERT INTO t ", "Values", " (1)"},
		"insert into t format Native\nxyz":                             {"insert into t ", "Native", "xyz"},
		"INSERT INTO t FORMAT CSV\r\n\n1":                              {"INSERT INTO t ", "CSV", "\n1"},
		"INSERT INTO t FORMAT CSV 1":                                   {"INSERT INTO t ", "CSV", "1"},
		"/* FORMAT x */ INSERT INTO t (a) -- VALUES\n FORMAT CSV":      {"/* FORMAT x */ INSERT INTO t (a) -- VALUES\n ", "CSV", ""},
		"INSERT INTO `values`.\"format\" (`select`) VALUES(1)":         {"INSERT INTO `values`.\"format\" (`select`) ", "Values", "(1)"},
		"INSERT INTO format VALUES (1)":                                {"INSERT INTO format ", "Values", " (1)"},
		"INSERT INTO t (* EXCEPT(b)) VALUES (1)":                       {"INSERT INTO t (* EXCEPT(b)) ", "Values", " (1)"},
		"INSERT INTO FUNCTION null('a UInt8, '' VALUES') VALUES (1)":   {"INSERT INTO FUNCTION null('a UInt8, '' VALUES') ", "Values", " (1)"},
		"INSERT INTO TABLE t SETTINGS a = 'FORMAT \\' x' FORMAT TSV\n": {"INSERT INTO TABLE t SETTINGS a = 'FORMAT \\' x' ", "TSV", ""},
	} {
		got, ok := splitInsert(sql)
		if !ok || got.head != want.head || got.format != want.format || sql[got.rows:] != want.rows {
			t.Errorf("%q: %q, %q, %q", sql, got.head, got.format, sql[got.rows:])
		}
	}
	for _, sql := range []string{"", "SELECT 1 FORMAT CSV", "INSERT INTO t SELECT 1 FORMAT Null", "INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x",
		"INSERT INTO t", "INSERT INTO t FROM INFILE 'x' FORMAT CSV", "EXPLAIN INSERT INTO t VALUES (1)"} {
		if got, ok := splitInsert(sql); ok {
			t.Errorf("%q: %+v", sql, got)
		}
	}
}

func TestOutline(t *testing.T) {
	for sql, want := range map[string]struct {
		before string // what stands before where INTO OUTFILE would
		outline
	}{
		"SELECT 1":                                {"SELECT 1", outline{selects: true}},
		"SELECT 1 ; -- x":                         {"SELECT 1", outline{selects: true}},
		"SELECT 1 -- FORMAT CSV":                  {"SELECT 1", outline{selects: true}},
		"SELECT 1 format CSV;":                    {"SELECT 1 ", outline{selects: true, format: "CSV"}},
		"SELECT 1 AS format":                      {"SELECT 1 AS format", outline{selects: true}},
		"SELECT format FROM t":                    {"SELECT format FROM t", outline{selects: true}},
		"SELECT 1 SETTINGS a = 1 FORMAT X":        {"SELECT 1 SETTINGS a = 1 ", outline{selects: true, format: "X"}},
		"SELECT 1 FORMAT X SETTINGS a = 1, b='x'": {"SELECT 1 ", outline{selects: true, format: "X"}},
		"SELECT ')' || f((1), $$)$$)":             {"SELECT ')' || f((1), $$)$$)", outline{selects: true}},
		"(SELECT 1) UNION ALL (SELECT 2)":         {"(SELECT 1) UNION ALL (SELECT 2)", outline{selects: true}},
		"WITH 1 AS x INSERT INTO t SELECT x":      {"WITH 1 AS x INSERT INTO t SELECT x", outline{}},
		"SHOW TABLES FORMAT X":                    {"SHOW TABLES ", outline{format: "X"}},
		"SELECT 1 INTO OUTFILE 'x' FORMAT CSV":    {"SELECT 1 INTO OUTFILE 'x' ", outline{selects: true, format: "CSV", outfile: true}},
	} {
		got := outlineOf(sql)
		if sql[:got.into] != want.before {
			t.Errorf("%q: INTO OUTFILE would stand behind %q", sql, sql[:got.into])
		}
		got.into = 0
		if got != want.outline {
			t.Errorf("%q: %+v, want %+v", sql, got, want.outline)
		}
	}
	for _, sql := range []string{"SELECT 1; SELECT 2", "SELECT 1 FORMAT CSV; x", "SELECT 1 FORMAT CSV SETTINGS a = 1; x", "DROP TABLE t; /* */ DROP TABLE u"} {
		if !outlineOf(sql).several {
			t.Errorf("%q is several statements", sql)
		}
	}
}

// The scanner ends on whatever it is given.
func FuzzStatement(f *testing.F) {
	for _, s := range []string{"INSERT INTO t (a FORMAT", "SELECT '\\", "$a$", "`", "/*", "SELECT 1 FORMAT CSV SETTINGS", "--", "$$$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ins, ok := splitInsert(s); ok && (len(ins.head) > len(s) || ins.rows > len(s)) {
			t.Errorf("%+v", ins)
		}
		if o := outlineOf(s); o.into > len(s) {
			t.Errorf("%+v", o)
		}
		mentionsFile(s)
	})
}
