package fsck_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mingjian/audit/evidence/fsck"
	"mingjian/audit/store"
)

// prepared is a system at rest, with everything in the log.
func prepared(t *testing.T, messages int) *system {
	s := start(t)
	s.produce(messages)
	stop := s.collect()
	s.atRest()
	stop()
	for _, e := range []store.Entry{{Actor: "li.wei", Action: "case.approved", Subject: "case:17", Reason: "赔付"}, {Actor: "wang", Action: "review.decided", Subject: "review:x"}} {
		if err := s.db.Write(t.Context(), func(tx *store.Tx) error { return tx.Record(t.Context(), e) }); err != nil {
			t.Fatal(err)
		}
	}
	s.follow()
	return s
}

// Every change of one row, and of one bit of the log, is detected and named; and none is when there is none.
func TestFsckNamesEveryChange(t *testing.T) {
	s := prepared(t, 1200)
	r := s.clean("untouched", 0)
	c := r.Checked
	if c.Interactions < 1000 || c.Rejects < 20 || c.Seals < 20 || c.Versions < 40 || c.Findings < 30 || c.Entries < uint64(c.Seals) || c.Copies != int64(c.Entries) || c.Journal < 2 || c.Partitions != partitions {
		t.Fatalf("checked only %+v", c)
	}
	s.changes(rand.New(rand.NewPCG(1, 2)), 24, 60)
	s.clean("put right", 0)
}

// changes does so many random changes to the record and to the log, one after the other, and undoes each.
func (s *system) changes(random *rand.Rand, rows, bits int) {
	s.t.Helper()
	s.keep()
	for i := range rows {
		table := damaged[i%len(damaged)]
		s.change(random, table)
	}
	if r, err := fsck.Run(s.t.Context(), fsck.Options{Dir: s.dir}); err != nil || !r.OK || r.Checked.Entries == 0 || len(r.Unchecked) != 2 {
		s.t.Fatalf("the log alone: %+v, %v", r, err)
	}
	files := s.logFiles()
	for i := range bits {
		s.flip(random, files[i%len(files)])
	}
	s.t.Logf("%d changes of rows of %d tables and %d of bits of %d files, one at a time", rows, len(damaged), bits, len(files))
}

// Collectors and the notary write while it is checked: nothing is accused, before, meanwhile or after.
func TestFsckAccusesNobodyWhileTheRecordIsWritten(t *testing.T) {
	s := start(t)
	n := s.notary()
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, s.record) }()
	stop := s.collect()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 12 {
			s.produce(120)
			time.Sleep(100 * time.Millisecond)
		}
	}()
	checks := 0
	for running := true; running; checks++ {
		select {
		case <-done:
			running = false
		default:
		}
		s.clean("while it is written", within)
	}
	s.atRest()
	stop()
	r := s.clean("at rest", within)
	if r.Checked.Interactions < 1000 || checks < 2 {
		t.Errorf("%d checks, and the last of %+v", checks, r.Checked)
	}
	end()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	// The notary stops, and the record goes on: what is not in the log is told.
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	stop = s.collect()
	s.produce(50)
	s.atRest()
	stop()
	if r := s.check(0); r.OK || !strings.Contains(told(r), "the log does not have it") {
		t.Errorf("without a notary: %s", told(r))
	}
	s.follow()
	s.clean("followed", 0)
}

// flip changes one bit of a file of the log.
func (s *system) flip(random *rand.Rand, file string) {
	s.t.Helper()
	path := filepath.Join(s.dir, file)
	was, err := os.ReadFile(path)
	if err != nil || len(was) == 0 {
		s.t.Fatalf("%s: %d bytes, %v", file, len(was), err)
	}
	is := append([]byte(nil), was...)
	bit := random.IntN(8 * len(is))
	is[bit/8] ^= 1 << (bit % 8)
	if err := os.WriteFile(path, is, 0o644); err != nil {
		s.t.Fatal(err)
	}
	r, err := fsck.Run(s.t.Context(), fsck.Options{Dir: s.dir, Patience: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	ok := false
	for _, f := range r.Faults {
		ok = ok || strings.Contains(f.String(), filepath.ToSlash(file))
	}
	if !ok {
		s.t.Errorf("bit %d of %s of %d bytes was changed, and not told:\n%s", bit, file, len(was), told(r))
	}
	if err := os.WriteFile(path, was, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// covered is a table with what is changed in it.
type covered struct {
	name    string
	final   string   // FINAL where readers collapse rows
	key     string   // what tells its rows apart, as a tuple
	columns []string // covered ones
	foreign []string // what makes a row of its own out of another
	names   string   // how a fault names the row: an expression over it
	only    string
}

const changedBit = "concat(substring(%[1]s, 1, length(%[1]s) - 1), char(bitXor(reinterpretAsUInt8(substring(%[1]s, length(%[1]s), 1)), 1)))"

var damaged = []covered{
	{"interactions", " FINAL", "(tenant, session_id, event_id)",
		[]string{"tenant", "session_id", "event_id", "topic", "partition", "offset", "at", "kind", "role", "actor_id", "text", "text_bytes", "flags", "body", "labels", "extra", "original_enc", "salt", "leaf"},
		[]string{"event_id", "event_id, offset", "session_id"}, "concat(topic, '/', toString(partition), ' offset ', toString(offset))", ""},
	{"rejects", "", "(topic, partition, offset)", []string{"topic", "partition", "offset", "reason", "size", "sha256", "payload", "leaf"},
		[]string{"offset", "partition"}, "concat(topic, '/', toString(partition), ' offset ', toString(offset))", ""},
	{"findings", "", "(session_id, finding_id, version)",
		[]string{"finding_id", "tenant", "session_id", "rule", "severity", "status", "subject", "at", "facts", "revision", "standing", "version", "is_deleted"},
		[]string{"finding_id", "version"}, "concat('finding ', finding_id)", "(finding_id, version) IN (SELECT finding_id, max(version) FROM findings GROUP BY finding_id)"},
	{"finding_versions", "", "(topic, partition, first_offset, seal, ordinal)",
		[]string{"topic", "partition", "first_offset", "seal", "ordinal", "finding_id", "tenant", "session_id", "rule", "severity", "status", "subject", "at", "facts", "revision", "standing", "version", "leaf"},
		[]string{"ordinal", "finding_id"}, "concat('number ', toString(ordinal), ' of seal ', substring(seal, 1, 16))", ""},
	{"seals", "", "(topic, partition, first_offset, generation, id)",
		[]string{"topic", "partition", "first_offset", "last_offset", "stored", "repeats", "rejected", "control", "generation", "previous", "id", "interactions_root", "findings_root", "findings", "tenants_root", "tenants", "gaps", "revision", "at"},
		[]string{"id", "stored", "generation, id"}, "concat('(seal ', substring(id, 1, 16))", ""},
	{"log_entries", "", "index", []string{"index", "key", "type", "at", "entry"}, []string{"index", "entry", "key"}, "concat('entry ', toString(index))", ""},
}

// keep copies the tables, so that a row can be put back.
func (s *system) keep() {
	s.t.Helper()
	for _, c := range damaged {
		s.exec("CREATE TABLE kept_" + c.name + " ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM " + c.name + c.final)
	}
}

// changed is an expression for another value of a column.
func (s *system) changed(random *rand.Rand, table, column string) string {
	var kind string
	s.ask("SELECT type FROM system.columns WHERE database = currentDatabase() AND table = '"+table+"' AND name = '"+column+"'", &kind)
	name := "`" + column + "`"
	switch {
	case strings.HasPrefix(kind, "Array"):
		return "arrayPushBack(" + name + ", 'x')"
	case strings.HasPrefix(kind, "Int"):
		return fmt.Sprintf("%s + %d", name, 1+random.IntN(3))
	case strings.HasPrefix(kind, "UInt8"), kind == "Bool":
		return "NOT " + name
	case strings.HasPrefix(kind, "DateTime64"):
		return "addMilliseconds(" + name + ", 1)"
	case column == "tenants": // some count of some group
		return `replaceRegexpOne(tenants, '"leaves":', '"leaves":1')`
	case column == "gaps":
		return `replaceRegexpOne(replaceRegexpOne(gaps, '^\\{\\}$', '{"control":[[3,4]]}'), '\\[\\[', '[[1')`
	case random.IntN(2) == 0 || column == "body":
		return "concat(" + name + ", ' ')"
	default:
		return "if(empty(" + name + "), 'x', " + fmt.Sprintf(changedBit, name) + ")"
	}
}

// change does one thing to one row of a table, sees that it is told, and undoes it.
func (s *system) change(random *rand.Rand, c covered) {
	s.t.Helper()
	from := "kept_" + c.name
	where := ""
	if c.only != "" {
		where = " WHERE " + c.only
	}
	var n int64
	s.ask("SELECT toInt64(count()) FROM "+from+where, &n)
	var key, name string
	s.ask(fmt.Sprintf("SELECT toString(%s), %s FROM %s%s ORDER BY sipHash64(%s) LIMIT 1 OFFSET %d", c.key, c.names, from, where, c.key, random.Int64N(n)), &key, &name)
	row := "toString(" + c.key + ") = " + quote(key)
	// A table is filled anew and not mutated: the server takes seconds to get round to a mutation.
	fill := func(but string) {
		s.exec("TRUNCATE TABLE " + c.name)
		s.exec("INSERT INTO " + c.name + " SELECT * FROM " + from + " WHERE NOT (" + but + ")")
	}
	wants := []string{name}
	var what string
	add := func(columns []string) {
		var as []string
		for _, column := range columns {
			as = append(as, s.changed(random, c.name, column)+" AS `"+column+"`")
		}
		if c.name == "interactions" || c.name == "rejects" { // behind the newest seal a newer one could be a collector's that is at it
			as = append(as, "addHours(recorded_at, -1) AS recorded_at")
		}
		copied := fmt.Sprintf("SELECT * REPLACE (%s) FROM (SELECT * FROM %s WHERE %s)", strings.Join(as, ", "), from, row)
		var now string
		s.ask("SELECT "+c.names+" FROM ("+copied+")", &now)
		wants = append(wants, now)
		s.exec("INSERT INTO " + c.name + " " + copied)
	}
	switch kind := random.IntN(len(c.columns) + len(c.foreign) + 2); {
	case kind < len(c.columns):
		what = "changed " + c.columns[kind]
		fill(row)
		add(c.columns[kind : kind+1])
	case kind < len(c.columns)+len(c.foreign):
		of := c.foreign[kind-len(c.columns)]
		what = "inserted, with another " + of
		add(strings.Split(of, ", "))
	default:
		what = "deleted"
		fill(row)
	}
	r := s.check(0)
	ok := false
	for _, f := range r.Faults {
		for _, want := range wants {
			ok = ok || f.Part == c.name && names(f, want)
		}
		// A row that went from its place leaves a hole of the table that it was in.
		ok = ok || c.name == "rejects" && f.Part == "interactions" && names(f, name)
	}
	if !ok {
		s.t.Errorf("%s %s: %s: not told:\n%s", c.name, key, what, told(r))
	}
	fill("0")
}

// names reports whether a fault has a name, and not only one that begins with it.
func names(f fsck.Fault, name string) bool {
	_, behind, ok := strings.Cut(f.String()+" ", name)
	return ok && !strings.ContainsAny(behind[:1], "0123456789")
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
