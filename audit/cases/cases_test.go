package cases_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/collector/event"
	"mingjian/collector/warehouse"
)

type desk struct {
	*cases.Cases
	db  *store.DB
	now time.Time
}

func open(t *testing.T, dsn string) *desk {
	t.Helper()
	d := &desk{now: consoletest.Now}
	var err error
	d.db, err = store.Open(t.Context(), dsn, store.Options{Now: func() time.Time { return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if d.Cases, err = cases.New(t.Context(), d.db, consoletest.Centre(), cases.Options{}); err != nil {
		t.Fatal(err)
	}
	return d
}

func as(ctx context.Context, id, tenant string) context.Context {
	return identity.With(ctx, identity.Principal{ID: id, Roles: []identity.Role{identity.Inspector}, Tenants: identitytest.Only(tenant)})
}

var good = cases.Report{SessionID: consoletest.Broken, FindingID: "f-q-apology-loop-" + consoletest.Broken, Kind: "service", Reason: " 道歉三次，没有处理。 "}

func TestAReportBecomesACandidateAnEventAndAMirrorRow(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn)
		got, opened, err := d.Report(as(t.Context(), "li", ""), good)
		if err != nil || !opened {
			t.Fatal(opened, err)
		}
		if got.State != "candidate" || got.Version != 1 || got.Tenant != "default" || got.Reporter != "li" || got.Reason != "道歉三次，没有处理。" || !got.At.Equal(consoletest.Now) {
			t.Errorf("the case is %+v", got)
		}
		messages := map[store.Destination]store.Message{}
		ctx, stop := context.WithCancel(t.Context())
		if err := d.db.Relay(ctx, func(_ context.Context, m store.Message) error {
			if messages[m.To] = m; len(messages) == 2 {
				stop()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		stop()

		// What goes to the stream is an event that the collector takes.
		m := messages[store.Destination{Kind: store.Topic, Name: "mingjian.interactions"}]
		e, bad := event.Decode([]byte(m.Key), m.Body, consoletest.Now)
		if bad != nil {
			t.Fatalf("the collector would refuse %s: %v", m.Body, bad)
		}
		if e.Kind != event.MisjudgementReported || e.SessionID != consoletest.Broken || e.Tenant != "default" || e.Claim.Kind != "service" || e.Text != got.Reason || e.ID != got.ID {
			t.Errorf("the event is %+v", e)
		}
		var row warehouse.MirrorRow
		if err := json.Unmarshal(messages[store.Destination{Kind: store.Mirror, Name: "cases"}].Body, &row); err != nil {
			t.Fatal(err)
		}
		if row.ID != got.ID || row.Version != 1 || row.State != "candidate" || !strings.Contains(string(row.Document), "道歉") {
			t.Errorf("the mirror row is %+v", row)
		}
	})
}

func TestReportingAgainIsTheSameCase(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn)
		var wg sync.WaitGroup
		var mu sync.Mutex
		opened, ids := 0, map[string]bool{}
		for range 8 {
			wg.Go(func() {
				c, first, err := d.Report(as(t.Context(), "li", ""), good)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				ids[c.ID] = true
				if first {
					opened++
				}
			})
		}
		wg.Wait()
		if n, err := d.db.Waiting(t.Context()); err != nil || n != 2 || opened != 1 || len(ids) != 1 {
			t.Errorf("eight reports opened %d cases with %d ids and %d messages, %v", opened, len(ids), n, err)
		}
		later := good
		later.Reason = "other words"
		if c, first, err := d.Report(as(t.Context(), "li", ""), later); err != nil || first || c.Reason != "道歉三次，没有处理。" {
			t.Errorf("the first report does not stand: %+v, %v", c, err)
		}
		// One wrong is one case: another person's report joins it, and is an event of its own.
		c, first, err := d.Report(as(t.Context(), "wang", ""), later)
		if err != nil || first || !ids[c.ID] {
			t.Errorf("another person's report: %+v, %v, %v", c, first, err)
		}
		if n, err := d.db.Waiting(t.Context()); err != nil || n != 4 {
			t.Errorf("%d messages wait, %v", n, err)
		}
		f, err := d.Get(as(t.Context(), "wang", ""), c.ID)
		if err != nil || len(f.Sources) != 2 || len(f.Steps) != 2 || f.Sources[1].By != "wang" || f.Sources[1].Words != "other words" || f.Version != 1 {
			t.Errorf("the case is %+v, %v", f, err)
		}
	})
}

func TestWhatIsWrongWithAReportIsNamed(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn)
		for field, change := range map[string]func(*cases.Report){
			"kind":       func(r *cases.Report) { r.Kind = "weather" },
			"reason":     func(r *cases.Report) { r.Reason = " \n" },
			"session_id": func(r *cases.Report) { r.SessionID = "none" },
			"finding_id": func(r *cases.Report) { r.FindingID = "f-of-another-session" },
		} {
			r := good
			change(&r)
			_, _, err := d.Report(as(t.Context(), "li", ""), r)
			var fault *cases.Fault
			if !errors.As(err, &fault) || fault.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		long := good
		long.Reason = strings.Repeat("长", cases.MaxReason+1)
		if _, _, err := d.Report(as(t.Context(), "li", ""), long); err == nil {
			t.Error("a reason over the limit was taken")
		}
		if _, _, err := d.Report(t.Context(), good); err == nil {
			t.Error("nobody reported")
		}
		if n, _ := d.db.Waiting(t.Context()); n != 0 {
			t.Errorf("%d messages of refused reports wait", n)
		}
	})
}

func TestCasesAreListedNewestFirstWithinATenant(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn)
		var want []string
		for i := range 5 {
			d.now = consoletest.Now.Add(time.Duration(i/2) * time.Minute) // some at the same moment
			c, _, err := d.Report(as(t.Context(), "a", ""), cases.Report{SessionID: fmt.Sprintf("s-clean-00%d", i), Kind: "other", Reason: "x"})
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, c.ID)
		}
		if _, _, err := d.Report(as(t.Context(), "f", ""), cases.Report{SessionID: consoletest.Foreign, Kind: "other", Reason: "x"}); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		var last time.Time
		for cursor := ""; ; {
			page, err := d.List(as(t.Context(), "x", "default"), cases.Query{Limit: 2, Cursor: cursor, States: []cases.State{cases.Candidate, cases.Open}})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page.Items {
				if got[c.ID] || !last.IsZero() && c.At.After(last) || c.Tenant != "default" {
					t.Errorf("%s is out of place", c.ID)
				}
				got[c.ID], last = true, c.At
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d cases are listed of %d", len(got), len(want))
		}
		page, err := d.List(as(t.Context(), "x", ""), cases.Query{Limit: 10, Session: consoletest.Foreign})
		if err != nil || len(page.Items) != 1 {
			t.Errorf("one session's cases: %+v, %v", page, err)
		}
	})
}
