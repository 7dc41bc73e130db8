package fsck_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/retention"
	"mingjian/audit/store"
	"mingjian/collector/replay"
	"mingjian/collector/seal"
	"mingjian/collector/warehouse"
)

// noted are a session's rows, noted as of an erasure.
func (s *system) noted(erasure, tenant, session string, gone bool) (rows []warehouse.Erased) {
	s.t.Helper()
	if err := s.record.Standing(s.t.Context(), tenant, []string{session}, func(e warehouse.Erased) error {
		e.Erasure, e.Gone = erasure, gone
		rows = append(rows, e)
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	if err := s.record.PutErased(s.t.Context(), rows); err != nil || len(rows) < 2 {
		s.t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows
}

// state has the log state an erasure.
func (s *system) state(erasure, what string, rows []warehouse.Erased) {
	s.t.Helper()
	var leaves []seal.Hash
	for _, r := range rows {
		leaves = append(leaves, seal.HashOf(r.Leaf))
	}
	if err := s.db.Write(s.t.Context(), func(tx *store.Tx) error {
		return evidence.Queue(s.t.Context(), tx, evidence.Entry{Key: "erasure:" + erasure, Type: what, At: time.Now(), Body: map[string]any{
			"erasure": erasure, "rows": len(rows), "leaves_root": seal.Root(leaves).String(),
		}})
	}); err != nil {
		s.t.Fatal(err)
	}
	s.follow()
}

// The newest rows are not sealed, since the collector was killed; an erasure was begun, and whoever was at it was
// killed; what was swept came again: nobody is accused, nor is anything believed that the log does not state.
func TestFsckAccusesNobodyOfWhatWasLeftHalfDone(t *testing.T) {
	s := prepared(t, 500)
	s.clean("untouched", 0)
	var tenant, session, swept, sweptOf string
	s.ask("SELECT toString(tenant), session_id FROM interactions FINAL WHERE version != 1 GROUP BY ALL HAVING count() > 4 ORDER BY session_id LIMIT 1", &tenant, &session)
	s.ask("SELECT toString(tenant), session_id FROM findings FINAL WHERE level != 'indicator' AND session_id != "+quote(session)+" AND session_id IN (SELECT session_id FROM interactions GROUP BY session_id HAVING count() > 4) ORDER BY session_id LIMIT 1", &sweptOf, &swept)
	if err := s.db.Migrate(t.Context(), retention.Noun); err != nil {
		t.Fatal(err)
	}
	erasedAt := func() (n int) {
		first := map[[2]int64]bool{}
		for partition := range partitions {
			if err := s.record.ErasedAt(t.Context(), s.topic, tenant, warehouse.SealSpan{Partition: partition, Last: 1 << 40}, func(e warehouse.Erased) error {
				if at := [2]int64{int64(e.Partition), e.Offset}; !first[at] {
					first[at] = true
					if n++; e.Erasure != "stated" {
						t.Errorf("exports are told of erasure %s first", e.Erasure)
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}

	// Behind the newest seal.
	s.exec("INSERT INTO interactions SELECT i.* REPLACE ('late' AS event_id, n.newest AS offset) FROM interactions AS i INNER JOIN (SELECT topic, partition, max(last_offset) + 1 AS newest FROM seals GROUP BY topic, partition) AS n USING (topic, partition) WHERE session_id = " + quote(session) + " LIMIT 1")
	if r := s.clean("behind the newest seal", 0); r.Checked.Unsealed != 1 {
		t.Errorf("%d rows are not sealed yet", r.Checked.Unsealed)
	}
	for _, hours := range []string{"-1", "1"} {
		s.exec("ALTER TABLE interactions UPDATE recorded_at = addHours(now64(3), " + hours + ") WHERE event_id = 'late'")
		if r := s.check(0); len(r.Faults) != 1 || !strings.Contains(told(r), "(event late of session ") || r.Checked.Unsealed != 0 {
			t.Errorf("recorded %s hours from now: %s", hours, told(r))
		}
	}
	// Written again by who goes on, it is as old as it is since.
	s.exec("INSERT INTO interactions SELECT * REPLACE (now64(3) AS recorded_at) FROM interactions WHERE event_id = 'late'")
	if r := s.clean("written again", 0); r.Checked.Unsealed != 1 {
		t.Errorf("%d rows are not sealed yet, and one was written again", r.Checked.Unsealed)
	}
	s.exec("ALTER TABLE interactions DELETE WHERE event_id = 'late'")
	s.exec("INSERT INTO rejects SELECT r.* REPLACE (n.newest AS offset, addHours(now64(3), -1) AS recorded_at) FROM rejects AS r INNER JOIN (SELECT topic, partition, max(last_offset) + 1 AS newest FROM seals GROUP BY topic, partition) AS n USING (topic, partition) LIMIT 1")
	if r := s.check(0); len(r.Faults) != 1 || r.Faults[0].Part != "rejects" || !strings.Contains(told(r), "(reject of reason ") {
		t.Errorf("a reject behind the newest seal: %s", told(r))
	}
	s.exec("ALTER TABLE rejects DELETE WHERE recorded_at < addMinutes(now64(3), -30)")

	// Noted, and the store knows nothing of it.
	rows := s.noted("begun", tenant, session, false)
	if r := s.check(0); !strings.Contains(told(r), "erasure begun: the log does not have it") {
		t.Errorf("of an erasure that nobody began: %s", told(r))
	}
	if n := erasedAt(); n != 0 {
		t.Errorf("exports take %d rows for erased that stand", n)
	}
	if err := s.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO retention_erasures (id, kind, tenant, person, names, reason, terms, actor, at_ms, done_ms, state, sessions, places, keys, root)
			VALUES ('begun', 'person', 'acme', 'p', '', 'r', '', 'a', 1, 0, 'begun', 1, 0, 0, '')`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if r := s.clean("begun", 0); r.Checked.Erasing != int64(len(rows)) || r.Checked.Erased != 0 {
		t.Errorf("%+v, and %d rows are being erased", r.Checked, len(rows))
	}
	if err := s.record.Blank(t.Context(), "begun"); err != nil {
		t.Fatal(err)
	}
	if r := s.check(0); !strings.Contains(told(r), "its contents are gone, and the log states no erasure that names it") {
		t.Errorf("blank by what was only begun: %s", told(r))
	}
	s.noted("stated", tenant, session, false)
	s.state("stated", retention.ErasedType, rows)
	if r := s.clean("stated", 0); r.Checked.Erased != int64(len(rows)) {
		t.Errorf("%+v", r.Checked)
	}
	if n := erasedAt(); n != len(rows) {
		t.Errorf("exports are told of %d of %d erased rows", n, len(rows))
	}

	// Swept, and imported again behind the newest seal.
	s.exec("CREATE TABLE again ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM interactions FINAL WHERE session_id = " + quote(swept))
	rows = s.noted("sweep", sweptOf, swept, true)
	s.state("sweep", retention.SweptType, rows)
	if err := s.record.Drop(t.Context(), "sweep"); err != nil {
		t.Fatal(err)
	}
	progress, err := s.record.Progress(t.Context(), s.topic)
	if err != nil {
		t.Fatal(err)
	}
	judged, err := replay.Audit(t.Context(), s.record, replay.AuditQuery{Topic: s.topic, Sealed: progress, Now: time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range judged.Faults {
		if strings.Contains(fmt.Sprint(f), swept) {
			t.Errorf("between its rows and itself: %v", f)
		}
	}
	if err := s.record.DropSessions(t.Context(), sweptOf, []string{swept}); err != nil {
		t.Fatal(err)
	}
	s.clean("swept", 0)
	s.exec("INSERT INTO interactions SELECT i.* REPLACE (n.newest + i.offset AS offset) FROM again AS i INNER JOIN (SELECT topic, partition, max(last_offset) + 1 AS newest FROM seals GROUP BY topic, partition) AS n USING (topic, partition)")
	if r := s.clean(fmt.Sprintf("session %s imported again", swept), 0); r.Checked.Unsealed != int64(len(rows)) {
		t.Errorf("%d rows are not sealed yet, and %d came again", r.Checked.Unsealed, len(rows))
	}
}
