package warehouse_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// What a source may send: every byte comes back.
var hostile = []string{
	"", "'", `"`, `\`, `\'`, `\\`, "\x00", "a\x00b", "\n\r\t\b", "{p1:String}", "${x}", "?", "$1", "@name", "%00%27",
	"'; DROP TABLE interactions; --", "/* */ -- #", `\N`, "NULL", "明鉴🙂👩‍👩‍👧", "\u202eabc", "\xff\xfe not UTF-8",
	"__exception__\r\nCode: 60.", "FORMAT Native", strings.Repeat("字", 16<<10/3),
}

func TestHostileStringsComeBackAndAreFound(t *testing.T) {
	r := open(t)
	for i, text := range hostile {
		id := fmt.Sprint(i) + text
		interaction := warehouse.Interaction{
			Tenant: "t" + text, SessionID: id, EventID: text, Topic: text, At: 1, Kind: text, Role: text, ActorID: text, Channel: text,
			BusinessLine: text, BotVersion: text, Jurisdiction: text, Text: text, Flags: []string{text, text}, Body: text, Labels: text, Extra: text,
			MaskKinds: []string{text}, OriginalEnc: text, KeyID: text, Salt: text,
		}
		session := warehouse.Session{
			Tenant: "t" + text, SessionID: id, Topic: text, Pending: true, Channel: text, BusinessLine: text, CustomerID: text,
			Facts: text, NotAssessed: []policies.NotAssessable{{Rule: text, Reason: text}}, State: []byte("s" + text), Owners: text,
		}
		finding := warehouse.Finding{
			ID: id, Tenant: "t" + text, SessionID: id, Rule: text, Severity: text, Status: text, At: 1, Facts: text,
			Clauses: []string{text}, Standing: true, Channel: text, BusinessLine: text,
		}
		r.write(t, warehouse.Batch{
			Interactions: []warehouse.Interaction{interaction}, Sessions: []warehouse.Session{session}, Findings: []warehouse.Finding{finding},
			Rejects: []warehouse.Reject{{Topic: "rejects", Offset: int64(i), Key: text, Reason: text, Detail: text, Payload: []byte("p" + text), KeyID: text}},
		})
		events, err := r.Events(t.Context(), "t"+text, id)
		if err != nil || !reflect.DeepEqual(events, []warehouse.Interaction{interaction}) {
			t.Errorf("%.40q: events %.400v, %v", text, events, err)
		}
		snapshots, err := r.Snapshots(t.Context(), text, []string{id})
		if err != nil || !reflect.DeepEqual(snapshots, []warehouse.Snapshot{{Session: session, Findings: []warehouse.Finding{finding}}}) {
			t.Errorf("%.40q: snapshots %.400v, %v", text, snapshots, err)
		}
		q := warehouse.FindingQuery{
			Tenant: "t" + text, Session: id, Rules: []string{text, "'"}, Severities: []string{text}, Statuses: []string{text},
			Channels: []string{text}, BusinessLines: []string{text},
		}
		page, err := r.Findings(t.Context(), q)
		if err != nil || len(page.Items) != 1 || page.Items[0].FindingID != id || page.Items[0].Facts != text {
			t.Errorf("%.40q: findings %.400v, %v", text, page, err)
		}
		if item, found, err := r.Finding(t.Context(), id); err != nil || !found || item.Rule != text {
			t.Errorf("%.40q: finding %v, %v", text, found, err)
		}
		if c, found, err := r.Session(t.Context(), id); err != nil || !found || len(c.Interactions) != 1 || len(c.Findings) != 1 {
			t.Errorf("%.40q: session %v, %v", text, found, err)
		}
		if checked, err := r.Checked(t.Context(), q); err != nil || checked.Sessions != 1 || checked.Findings != 1 {
			t.Errorf("%.40q: checked %+v, %v", text, checked, err)
		}
	}
	var payloads []string
	if err := r.conn.QueryRow(t.Context(), "SELECT arrayMap(x -> x.2, arraySort(groupArray((offset, payload)))) FROM rejects_v").Scan(&payloads); err != nil {
		t.Fatal(err)
	}
	for i, text := range hostile {
		if payloads[i] != "p"+text {
			t.Errorf("payload %.40q, want %.40q", payloads[i], "p"+text)
		}
	}
}

// An import of old transcripts spans more months than an insert may touch by default, and a
// broker's time stamp is whatever a producer wrote.
func TestTimesFarApart(t *testing.T) {
	r := open(t)
	var b warehouse.Batch
	for i := range 120 {
		b.Interactions = append(b.Interactions, warehouse.Interaction{Tenant: "t", SessionID: "s", EventID: fmt.Sprint(i), At: 946_684_800_000 + int64(i)*31*86_400_000})
	}
	for i, at := range []policies.Millis{-1, 0, 1, 7258118400000, math.MaxInt64, math.MinInt64} {
		b.Rejects = append(b.Rejects, warehouse.Reject{Topic: "t", Offset: int64(i), At: at})
	}
	r.write(t, b)
	events, err := r.Events(t.Context(), "t", "s")
	if err != nil || !reflect.DeepEqual(events, b.Interactions) {
		t.Errorf("%d events, %v; want the %d that were written, in order", len(events), err, len(b.Interactions))
	}
	if n := r.count(t, "SELECT count() FROM rejects_v WHERE at <= '2200-01-01'"); n != len(b.Rejects) {
		t.Errorf("%d rejects, want %d", n, len(b.Rejects))
	}
}

func TestPagesAreWholeAndWithoutRepeats(t *testing.T) {
	r := open(t)
	const n = 130
	var b warehouse.Batch
	for i := range n {
		at := int64(1000 + i/50) // many of one moment
		b.Findings = append(b.Findings, warehouse.Finding{ID: fmt.Sprintf("f%03d", i), Tenant: "t", SessionID: fmt.Sprint("s", i), At: at, Standing: true, Version: 1})
		b.Sessions = append(b.Sessions, warehouse.Session{Tenant: fmt.Sprint("t", i%2), SessionID: fmt.Sprintf("s%03d", i/2), Opened: at, LastAt: at, Version: 1})
	}
	r.write(t, b)
	r.write(t, b)
	var findings, sessions []string
	q := warehouse.FindingQuery{Limit: 7}
	for {
		page, err := r.Findings(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			findings = append(findings, fmt.Sprint(item.At, item.FindingID))
		}
		// Newer ones that come in meanwhile do not move the pages.
		r.write(t, warehouse.Batch{Findings: []warehouse.Finding{{ID: "new" + page.Next, SessionID: "s", At: 5000, Standing: true}}})
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	sq := warehouse.SessionQuery{Limit: 7}
	for {
		page, err := r.Sessions(t.Context(), sq)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			sessions = append(sessions, fmt.Sprint(item.Session.Opened, item.Session.SessionID, item.Session.Tenant))
		}
		if sq.Cursor = page.Next; sq.Cursor == "" {
			break
		}
	}
	for name, got := range map[string][]string{"findings": findings, "sessions": sessions} {
		if len(got) != n || !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b, a) }) || len(slices.Compact(got)) != n {
			t.Errorf("%s: %d rows, want %d, falling and each once: %q", name, len(got), n, got)
		}
	}
	for limit, want := range map[int]int{-1: 50, 0: 50, 1: 1, 1_000_000: n} {
		page, err := r.Findings(t.Context(), warehouse.FindingQuery{Limit: limit, To: 4000})
		if err != nil || len(page.Items) != want {
			t.Errorf("limit %d gave %d, %v; want %d", limit, len(page.Items), err, want)
		}
	}
	for _, bad := range []string{"x", "!", base64.RawURLEncoding.EncodeToString([]byte("9' OR 1")), base64.RawURLEncoding.EncodeToString([]byte("99999999999999999 a"))} {
		if _, err := r.Findings(t.Context(), warehouse.FindingQuery{Cursor: bad}); !errors.Is(err, warehouse.ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
		if _, err := r.Sessions(t.Context(), warehouse.SessionQuery{Cursor: bad}); !errors.Is(err, warehouse.ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
}

func TestFiltersAndWhatWasChecked(t *testing.T) {
	r := open(t)
	session := func(id, tenant, channel, line string, opened, last int64, events int, not ...policies.NotAssessable) warehouse.Session {
		return warehouse.Session{Tenant: tenant, SessionID: id, Channel: channel, BusinessLine: line, Opened: opened, LastAt: last, Events: events, NotAssessed: not}
	}
	finding := func(id, session, rule, severity, channel, line string, at int64, standing bool) warehouse.Finding {
		return warehouse.Finding{ID: id, Tenant: "t", SessionID: session, Rule: rule, Severity: severity, Status: "policy", Channel: channel, BusinessLine: line, At: at, Standing: standing}
	}
	age := policies.NotAssessable{Rule: "elder", Reason: "customer.age"}
	r.write(t, warehouse.Batch{
		Sessions: []warehouse.Session{
			session("s1", "t", "app", "billing", 1000, 2000, 5, age), session("s2", "t", "web", "billing", 3000, 4000, 7, age, policies.NotAssessable{Rule: "entrance"}),
			session("s3", "t", "app", "roaming", 3000, 9000, 11), session("s4", "u", "phone", "", 1000, 2000, 13),
		},
		Findings: []warehouse.Finding{
			finding("f1", "s1", "slow", "high", "app", "billing", 1500, true), finding("f2", "s2", "slow", "low", "web", "billing", 3500, true),
			finding("f3", "s3", "label", "high", "app", "roaming", 8000, true), finding("f4", "s3", "slow", "high", "app", "roaming", 8000, false),
		},
		Rejects: []warehouse.Reject{{Topic: "t", Offset: 1, At: 1000}, {Topic: "t", Offset: 2, At: 5000}},
	})
	for _, tc := range []struct {
		name    string
		q       warehouse.FindingQuery
		ids     string
		checked warehouse.Checked
	}{
		{"all", warehouse.FindingQuery{}, "f3 f2 f1", warehouse.Checked{Sessions: 4, Interactions: 36, Findings: 3, Rejects: 2,
			FindingsByRule: map[string]int64{"slow": 2, "label": 1}, NotAssessed: map[string]int64{"elder": 2, "entrance": 1},
			Channels: []string{"app", "phone", "web"}, BusinessLines: []string{"", "billing", "roaming"}}},
		{"withdrawn too", warehouse.FindingQuery{Withdrawn: true, Tenant: "t", Channels: []string{"app"}}, "f4 f3 f1", warehouse.Checked{Sessions: 2, Interactions: 16, Findings: 3, Rejects: 2,
			FindingsByRule: map[string]int64{"slow": 2, "label": 1}, NotAssessed: map[string]int64{"elder": 1},
			Channels: []string{"app", "web"}, BusinessLines: []string{"billing", "roaming"}}},
		{"from, to", warehouse.FindingQuery{From: 3500, To: 8000}, "f2", warehouse.Checked{Sessions: 2, Interactions: 18, Findings: 1, Rejects: 1,
			FindingsByRule: map[string]int64{"slow": 1}, NotAssessed: map[string]int64{"elder": 1, "entrance": 1},
			Channels: []string{"app", "web"}, BusinessLines: []string{"billing", "roaming"}}},
		{"rule and severity", warehouse.FindingQuery{Tenant: "t", Rules: []string{"slow", "label"}, Severities: []string{"high"}, Statuses: []string{"policy", "statute"}, BusinessLines: []string{"roaming"}}, "f3", warehouse.Checked{Sessions: 1, Interactions: 11, Findings: 1, Rejects: 2,
			FindingsByRule: map[string]int64{"label": 1}, NotAssessed: map[string]int64{},
			Channels: []string{"app", "web"}, BusinessLines: []string{"billing", "roaming"}}},
		{"session", warehouse.FindingQuery{Session: "s2"}, "f2", warehouse.Checked{Sessions: 1, Interactions: 7, Findings: 1, Rejects: 2,
			FindingsByRule: map[string]int64{"slow": 1}, NotAssessed: map[string]int64{"elder": 1, "entrance": 1},
			Channels: []string{"app", "phone", "web"}, BusinessLines: []string{"", "billing", "roaming"}}},
		{"nothing there", warehouse.FindingQuery{Tenant: "x"}, "", warehouse.Checked{Rejects: 2,
			FindingsByRule: map[string]int64{}, NotAssessed: map[string]int64{}, Channels: []string{}, BusinessLines: []string{}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page, err := r.Findings(t.Context(), tc.q)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, item := range page.Items {
				ids = append(ids, item.FindingID)
			}
			if got := strings.Join(ids, " "); got != tc.ids {
				t.Errorf("findings %q, want %q", got, tc.ids)
			}
			checked, err := r.Checked(t.Context(), tc.q)
			if err != nil || !reflect.DeepEqual(checked, tc.checked) {
				t.Errorf("checked\n%+v, %v; want\n%+v", checked, err, tc.checked)
			}
		})
	}
	page, err := r.Sessions(t.Context(), warehouse.SessionQuery{Tenant: "t", From: 2000, BusinessLines: []string{"billing", "roaming"}})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, item := range page.Items {
		counts[item.Session.SessionID] = item.Findings
	}
	if want := map[string]int{"s1": 1, "s2": 1, "s3": 1}; !maps.Equal(counts, want) {
		t.Errorf("sessions with findings %v, want %v", counts, want)
	}
}

func TestSessionIsTheNewestOfItsID(t *testing.T) {
	r := open(t)
	r.write(t, warehouse.Batch{
		Sessions: []warehouse.Session{{Tenant: "a", SessionID: "s", LastAt: 2000}, {Tenant: "b", SessionID: "s", LastAt: 3000}},
		Interactions: []warehouse.Interaction{
			{Tenant: "a", SessionID: "s", EventID: "x", At: 2000}, {Tenant: "b", SessionID: "s", EventID: "z", At: 3000, Offset: 2},
			{Tenant: "b", SessionID: "s", EventID: "y", At: 3000, Offset: 1}, {Tenant: "b", SessionID: "s", EventID: "late", At: 1000, Offset: 3},
		},
		Findings: []warehouse.Finding{{ID: "fa", Tenant: "a", SessionID: "s", At: 1}, {ID: "fb", Tenant: "b", SessionID: "s", At: 1}},
	})
	c, found, err := r.Session(t.Context(), "s")
	if err != nil || !found || c.Session.Tenant != "b" || len(c.Findings) != 1 || c.Findings[0].FindingID != "fb" || c.Findings[0].State != "withdrawn" {
		t.Fatalf("%+v, %v, %v; want b's with fb", c, found, err)
	}
	var order []string
	for _, i := range c.Interactions {
		order = append(order, i.EventID)
	}
	if got := strings.Join(order, " "); got != "late y z" {
		t.Errorf("order %q, want by (at, offset)", got)
	}
	if _, found, err := r.Session(t.Context(), "absent"); err != nil || found {
		t.Errorf("absent session: %v, %v", found, err)
	}
	if _, found, err := r.Finding(t.Context(), "absent"); err != nil || found {
		t.Errorf("absent finding: %v, %v", found, err)
	}
}
