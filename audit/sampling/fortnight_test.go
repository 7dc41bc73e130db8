package sampling_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/audit/sampling"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
	"mingjian/policies"
)

// The fortnight lies where no clock of a machine is: what is written now counts as recorded before.
var fortnight = time.Date(2090, 3, 1, 0, 0, 0, 0, sampling.Shanghai)

const (
	days     = 14
	perDay   = 20_000
	perLot   = perDay / 4
	windows  = days * 4
	sixHours = 6 * time.Hour
)

var (
	lines    = []string{"broadband", "mobile", "billing"}
	channels = []string{"app", "phone"}
	bots     = []string{"7.1", "7.2"}
)

// bad is the stratum that goes wrong, and when.
var bad = sampling.Stratum{Tenant: "default", BusinessLine: "mobile", Channel: "phone", BotVersion: "7.2"}

// share is a number in [0, 1) that a session has for a question.
func share(question, session string) float64 {
	sum := sha256.Sum256([]byte(question + "\x00" + session))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

// defective is what an inspector would say of a session.
func defective(session string, s sampling.Stratum, window int) bool {
	rate := 0.005
	if s == bad && window >= 12 && window < 22 {
		rate = 0.25
	}
	return share("defective", session) < rate
}

// centre plays fourteen days of a contact centre into ClickHouse and runs the sampler beside it.
type centre struct {
	*desk
	record *warehouse.Store
	conn   driver.Conn
	must   map[string]int    // sessions that must be reviewed, by id: the window in which that was known
	held   []string          // what is written later, as SQL rows
	window map[string]int    // by session
	of     map[string]string // stratum, by session
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	server := clickhousetest.Start(t)
	record, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: server.URL, User: server.User, Password: server.Password})
	if err != nil {
		t.Fatal(err)
	}
	o := server.Options()
	o.Auth.Database = warehouse.DefaultDatabase
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); record.Close() })
	terms := sampling.DefaultTerms
	terms.Steady = true
	// Rows that are recorded in 2090 end after 2106, where ClickHouse's seconds begin anew: a merge takes them for rows
	// of long ago, sooner or later, and drops them.
	if err := conn.Exec(t.Context(), "ALTER TABLE sessions REMOVE TTL"); err != nil {
		t.Fatal(err)
	}
	c := &centre{record: record, conn: conn, must: map[string]int{}, window: map[string]int{}, of: map[string]string{}}
	c.desk = newDesk(t, filepath.Join(t.TempDir(), "audit.sqlite"), record, terms, fortnight.Add(-time.Hour))
	c.desk.defective = func(p sampling.Pick) bool {
		return defective(p.SessionID, stratumOf(p), c.window[p.SessionID])
	}
	return c
}

func stratumOf(p sampling.Pick) sampling.Stratum {
	return sampling.Stratum{Tenant: p.Tenant, BusinessLine: p.BusinessLine, Channel: p.Channel, BotVersion: p.BotVersion}
}

// play writes what happens in one window.
func (c *centre) play(t *testing.T, w int) {
	t.Helper()
	begins := fortnight.Add(time.Duration(w) * sixHours)
	var b warehouse.Batch
	for i := range perLot {
		id := fmt.Sprintf("s-%02d-%04d", w, i)
		closed := begins.Add(time.Duration(i) * sixHours / perLot)
		s := warehouse.Session{
			Tenant: "default", SessionID: id, Version: 1, Opened: closed.Add(-5 * time.Minute).UnixMilli(), Closed: closed.UnixMilli(), LastAt: closed.UnixMilli(),
			BusinessLine: lines[i%3], Channel: channels[i/3%2], BotVersion: bots[i/6%2], Jurisdiction: "CN",
		}
		c.window[id], c.of[id] = w, s.BusinessLine+"/"+s.Channel+"/"+s.BotVersion
		finding := func(rule string) warehouse.Finding {
			return warehouse.Finding{ID: rule + "-" + id, Tenant: "default", SessionID: id, Rule: rule, Severity: "critical", Level: "session", Standing: true, Version: 1, At: closed.Add(-time.Minute).UnixMilli(), BotVersion: s.BotVersion}
		}
		event := func(kind string, at time.Time) warehouse.Interaction {
			return warehouse.Interaction{Tenant: "default", SessionID: id, EventID: kind, Kind: kind, At: at.UnixMilli()}
		}
		switch x := share("what", id); {
		case x < 0.004:
			c.must[id], b.Findings = w, append(b.Findings, finding("cn-own"))
		case x < 0.007:
			c.must[id], b.Interactions = w, append(b.Interactions, event("complaint.filed", closed.Add(-time.Minute)))
		case x < 0.008: // reported two windows later
			c.must[id] = w + 2
			c.held = append(c.held, fmt.Sprintf("%d\x00%s", w+2, id))
		case x < 0.028 && s.BotVersion == "7.1": // one cause, many sessions
			b.Findings = append(b.Findings, finding("cn-systemic"))
		case x < 0.029: // withdrawn again
			f := finding("cn-own")
			f.Standing, f.Version = false, 2
			b.Findings = append(b.Findings, finding("cn-own"), f)
		case x < 0.030: // a finding while the session is open, which closes in the next window
			c.must[id], b.Findings = w+1, append(b.Findings, finding("cn-own"))
			open := s
			open.Closed = 0
			b.Sessions = append(b.Sessions, open)
			c.window[id] = w + 1
			s.Version, s.Closed = 2, closed.Add(sixHours).UnixMilli()
			c.held = append(c.held, fmt.Sprintf("%d\x01%s\x01%d", w+1, id, s.Closed))
			continue
		case x < 0.031: // recorded after its lot was closed
			c.window[id] = w + 1
			c.held = append(c.held, fmt.Sprintf("%d\x02%s\x02%d", w+1, id, s.Closed))
			continue
		}
		b.Sessions = append(b.Sessions, s)
	}
	rest := c.held[:0]
	for _, h := range c.held {
		var due int
		switch fmt.Sscanf(h, "%d", &due); {
		case due > w:
			rest = append(rest, h)
		case strings.Contains(h, "\x00"):
			id := strings.Split(h, "\x00")[1]
			b.Interactions = append(b.Interactions, warehouse.Interaction{Tenant: "default", SessionID: id, EventID: "m", Kind: "misjudgement.reported", At: begins.UnixMilli()})
		default:
			at := strings.Split(strings.ReplaceAll(h, "\x01", "\x02"), "\x02")
			of := strings.Split(c.of[at[1]], "/")
			var closed int64
			fmt.Sscan(at[2], &closed)
			s := warehouse.Session{Tenant: "default", SessionID: at[1], Version: 2, Closed: closed, LastAt: closed, BusinessLine: of[0], Channel: of[1], BotVersion: of[2], Jurisdiction: "CN"}
			if strings.Contains(h, "\x01") {
				b.Sessions = append(b.Sessions, s)
				continue
			}
			// The moment of recording is what makes a latecomer, so it is given here.
			err := c.conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO sessions (tenant, session_id, version, closed, last_at, business_line, channel, bot_version, jurisdiction, recorded_at)
				VALUES ('default', '%s', 2, fromUnixTimestamp64Milli(%d), fromUnixTimestamp64Milli(%d), '%s', '%s', '%s', 'CN', fromUnixTimestamp64Milli(%d))`,
				s.SessionID, closed, closed, s.BusinessLine, s.Channel, s.BotVersion, begins.Add(time.Hour).UnixMilli()))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	c.held = rest
	if err := c.record.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}

// rules follows the switching rules of the standard for lots of this size at AQL 2.5 (letter H, 50
// sessions: Ac 3, one step tighter 2; tightened Ac 2; reduced 20 sessions, Ac 2), written down once
// more and differently, to hold the states against.
type rules struct {
	state    string
	outcomes []bool // since the state began
	score    int
}

func (r *rules) decided(state string, defects, ac int) {
	if state != r.state {
		return
	}
	ok := defects <= ac
	r.outcomes = append(r.outcomes, ok)
	n := len(r.outcomes)
	failed := func(last int) (bad int) {
		for _, o := range r.outcomes[max(0, n-last):] {
			if !o {
				bad++
			}
		}
		return bad
	}
	next := r.state
	switch r.state {
	case "normal":
		if r.score += 3; defects > 2 {
			r.score = 0
		}
		if failed(5) >= 2 {
			next = "tightened"
		} else if r.score >= 30 {
			next = "reduced"
		}
	case "tightened":
		if failed(n) == 5 {
			next = "stopped"
		} else if n >= 5 && failed(5) == 0 {
			next = "normal"
		}
	case "reduced":
		if !ok {
			next = "normal"
		}
	}
	if next != r.state {
		*r = rules{state: next}
	}
}

func TestFourteenDaysOfSampling(t *testing.T) {
	c := newCentre(t)
	c.pass(t) // the service starts an hour before the first day
	for w := range windows {
		c.play(t, w)
		c.now = fortnight.Add(time.Duration(w+1) * sixHours).Add(time.Second)
		c.pass(t)
	}
	c.now = c.now.Add(48 * time.Hour)
	c.pass(t) // the reports that came last

	t.Run("every mandatory session has a task", func(t *testing.T) {
		tasks := map[string]bool{}
		systemic := map[string]bool{}
		for _, p := range c.tasks {
			if p.Kind == sampling.Mandatory {
				tasks[p.SessionID] = true
			}
			if p.Kind == sampling.Systemic {
				systemic[p.BotVersion+" "+p.ClosedAt.In(sampling.Shanghai).Format(time.DateOnly)] = true
			}
		}
		missing, expected := 0, 0
		for id, w := range c.must {
			if w >= windows {
				continue // has not happened by then
			}
			if expected++; !tasks[id] {
				missing++
			}
		}
		if missing > 0 || expected < 1500 || len(tasks) != expected {
			t.Errorf("%d of %d mandatory sessions have no task, and there are %d tasks", missing, expected, len(tasks))
		}
		if len(systemic) != days || c.kinds()[sampling.Systemic] != days {
			t.Errorf("%d tasks for a systemic rule and one bot version over %d days: %v", c.kinds()[sampling.Systemic], days, systemic)
		}
		t.Logf("tasks: %v", c.kinds())
	})

	lots := c.all(t)
	t.Run("switching is where the tables say", func(t *testing.T) {
		at := map[sampling.Stratum]*rules{}
		var story []string
		byStratum := map[sampling.Stratum][]sampling.Lot{}
		for _, l := range lots {
			byStratum[l.Stratum] = append(byStratum[l.Stratum], l)
		}
		if len(byStratum) != 12 || len(lots) != 12*windows {
			t.Fatalf("%d lots in %d strata", len(lots), len(byStratum))
		}
		for s, of := range byStratum {
			r := &rules{state: "normal"}
			at[s] = r
			done := 0
			for i, l := range of {
				// Reviews take a day: by now the lots closed a day ago are decided.
				for done < i && !of[done].To.Add(reviewing).After(l.To) {
					r.decided(string(of[done].State), of[done].Defective, of[done].Plan.Ac)
					done++
				}
				if string(l.State) != r.state {
					t.Errorf("%s, window %d: %s, want %s", s, i, l.State, r.state)
				}
				want := map[policies.Inspection][2]int{policies.Normal: {50, 3}, policies.Tightened: {50, 2}, policies.Reduced: {20, 2}}[l.State]
				if l.Size >= 281 && l.Size <= 500 && [2]int{l.Plan.N, l.Plan.Ac} != want {
					t.Errorf("%s, window %d, %s: plan %+v, want %v", s, i, l.State, l.Plan, want)
				}
				if s == bad && (i == 0 || of[i-1].State != l.State) {
					story = append(story, string(l.State))
				}
			}
		}
		t.Logf("%s: %v", bad, story)
		if !strings.Contains(strings.Join(story, " "), "tightened normal") {
			t.Errorf("the bad stratum went through %v; want tightened and back to normal", story)
		}
	})

	t.Run("every lot's draw is the recomputed one", func(t *testing.T) {
		for d := range days {
			v := c.verify(t, d)
			if !v.OK || v.Lots != 48 || len(v.Notes) > 0 {
				t.Errorf("day %d: %s", d, v)
			}
		}
	})

	t.Run("a change is named", func(t *testing.T) { c.tamper(t, lots) })
}

// tamper changes one thing on a day of its own, and verification must name it.
func (c *centre) tamper(t *testing.T, lots []sampling.Lot) {
	lotOf := func(d int) (sampling.Lot, []sampling.Pick) {
		for _, l := range lots {
			if l.Day == dayName(d) && l.Plan.N > 0 {
				lot, sample, found, err := c.lots.Get(t.Context(), l.ID)
				if err != nil || !found {
					t.Fatal(found, err)
				}
				return lot, sample
			}
		}
		t.Fatalf("no lot on day %d", d)
		panic("unreachable")
	}
	rewrite := func(id string, change func(*warehouse.Session)) {
		old, found, err := c.record.SessionOf(t.Context(), "default", id)
		if err != nil || !found {
			t.Fatal(id, found, err)
		}
		s := old.Session
		s.Version += 10
		change(&s)
		if err := c.record.Write(t.Context(), &warehouse.Batch{Sessions: []warehouse.Session{s}}); err != nil {
			t.Fatal(err)
		}
	}
	exec := func(statement string, args ...any) {
		if err := c.db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), statement, args...)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	anySession := func(d int) string { return fmt.Sprintf("s-%02d-1234", d*4) }
	for d, change := range []func(d int) (where string){
		0: func(d int) string {
			rewrite(anySession(d), func(s *warehouse.Session) { s.BusinessLine = "else" })
			return "session:" + anySession(d)
		},
		1: func(d int) string {
			rewrite(anySession(d), func(s *warehouse.Session) { s.Closed++ })
			return "session:" + anySession(d)
		},
		2: func(d int) string {
			rewrite(anySession(d), func(s *warehouse.Session) { s.Deleted = true })
			return "session:" + anySession(d)
		},
		3: func(d int) string {
			s := warehouse.Session{Tenant: "default", SessionID: "slipped-in", Version: 1, Closed: fortnight.Add(time.Duration(d)*24*time.Hour + time.Hour).UnixMilli(), BusinessLine: lines[0], Channel: channels[0], BotVersion: bots[0]}
			if err := c.record.Write(t.Context(), &warehouse.Batch{Sessions: []warehouse.Session{s}}); err != nil {
				t.Fatal(err)
			}
			return "session:slipped-in"
		},
		4: func(d int) string { // another session instead of one that was drawn
			l, sample := lotOf(d)
			other := c.notDrawn(t, l, sample)
			exec(`UPDATE sampling_picks SET session_id = $1 WHERE id = $2`, other, sample[7].ID)
			return "pick:" + sample[7].ID
		},
		5: func(d int) string {
			_, sample := lotOf(d)
			exec(`DELETE FROM sampling_picks WHERE id = $1`, sample[3].ID)
			return "session:" + sample[3].SessionID
		},
		6: func(d int) string {
			for _, p := range c.tasks {
				if p.Kind == sampling.Mandatory && p.ClosedAt.In(sampling.Shanghai).Format(time.DateOnly) == dayName(d) {
					exec(`DELETE FROM sampling_picks WHERE id = $1`, p.ID)
					return "session:" + p.SessionID
				}
			}
			panic("nothing mandatory")
		},
		7: func(d int) string { // another plan
			l, _ := lotOf(d)
			exec(`UPDATE sampling_lots SET document = replace(document, '"aql":"2.5"', '"aql":"4.0"') WHERE id = $1`, l.ID)
			return "lot:" + l.ID
		},
		8: func(d int) string { // the members, with the lot's root left as it was
			l, _ := lotOf(d)
			exec(`UPDATE sampling_lots SET members = (SELECT members FROM sampling_lots WHERE day <> $1 LIMIT 1) WHERE id = $2`, l.Day, l.ID)
			return "lot:" + l.ID
		},
		9: func(d int) string { // a checkpoint of another moment
			l, _ := lotOf(d)
			exec(`UPDATE sampling_lots SET checkpoint = (SELECT checkpoint FROM sampling_lots WHERE day <> $1 LIMIT 1) WHERE id = $2`, l.Day, l.ID)
			return "lot:" + l.ID
		},
		10: func(d int) string {
			l, _ := lotOf(d)
			exec(`DELETE FROM sampling_lots WHERE id = $1`, l.ID)
			return "lot:" + l.ID
		},
		11: func(d int) string {
			l, _ := lotOf(d)
			exec(`UPDATE sampling_lots SET outcome = 'accepted', defective = defective + 7 WHERE id = $1`, l.ID)
			return "lot:" + l.ID
		},
		12: func(d int) string {
			l, sample := lotOf(d)
			exec(`INSERT INTO sampling_picks (id, tenant, session_id, lot_id, kind, closed_ms, document) SELECT 'more', tenant, $1, lot_id, kind, closed_ms, document FROM sampling_picks WHERE id = $2`, c.notDrawn(t, l, sample), sample[0].ID)
			return "pick:more"
		},
	} {
		where := change(d)
		v := c.verify(t, d)
		named := slices.ContainsFunc(v.Problems, func(p sampling.Problem) bool { return p.Where == where })
		if v.OK || !named {
			t.Errorf("day %d: %s was changed and is not named in\n%s", d, where, v)
		}
		if d < 8 && len(v.Problems) > 3 {
			t.Errorf("day %d: one change, and %d problems: %s", d, len(v.Problems), v)
		}
	}
	// The last day's tasks: a pick without one.
	c.forget = c.tasks[len(c.tasks)-1].ID
	for _, p := range c.tasks {
		if p.Kind == sampling.Sample && p.ClosedAt.In(sampling.Shanghai).Format(time.DateOnly) == dayName(13) {
			c.forget = p.ID
		}
	}
	if v := c.verify(t, 13); v.OK || v.Problems[0].Where != "pick:"+c.forget {
		t.Errorf("a task is gone: %s", v)
	}
}

func dayName(d int) string { return fortnight.AddDate(0, 0, d).Format(time.DateOnly) }

func (c *centre) verify(t *testing.T, d int) *sampling.Verification {
	t.Helper()
	return c.desk.verify(t, dayName(d))
}

// notDrawn is a session of a lot that was not drawn.
func (c *centre) notDrawn(t *testing.T, l sampling.Lot, sample []sampling.Pick) string {
	t.Helper()
	for id, w := range c.window {
		in := fortnight.Add(time.Duration(w) * sixHours).Equal(l.From)
		if in && c.of[id] == l.BusinessLine+"/"+l.Channel+"/"+l.BotVersion && c.must[id] == 0 && share("what", id) > 0.1 &&
			!slices.ContainsFunc(sample, func(p sampling.Pick) bool { return p.SessionID == id }) {
			return id
		}
	}
	t.Fatal("every session was drawn")
	panic("unreachable")
}
