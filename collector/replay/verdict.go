package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// verdict is what judging a session in the record came to.
type verdict struct {
	unfinished, foreign, aged, erased bool
	standing                          int64
	faults                            []Fault
}

// court is a revision of the policies, ready to judge; nil inspector: it cannot, and why says so.
type court struct {
	inspector *inspect.Inspector
	foreign   bool // it is of another fold, which is no fault
	why       string
}

// court prepares the revision that judged a session, once.
func (a *audit) court(ctx context.Context, id string) (*court, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.courts[id]; c != nil {
		return c, nil
	}
	c := &court{}
	row, found, err := a.record.Policies(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !found:
		c.why = fmt.Sprintf("the record lacks the policies of revision %s, which judged it", id)
	case row.Fold != policies.FoldVersion:
		c.foreign = true
	default:
		b, why, err := revision(ctx, a.record, id)
		if err != nil {
			c.why = err.Error()
		} else if why != "" {
			c.why, _, _ = strings.Cut(why, ";")
		} else if c.inspector, err = inspect.New(b); err != nil {
			return nil, err
		}
	}
	a.courts[id] = c
	return c, nil
}

// judge compares a session in the record with what its events come to. sealed is the cut.
func (a *audit) judge(ctx context.Context, w *warehouse.Whole, sealed map[int]warehouse.Seal) (v verdict, err error) {
	fault := func(rule, what string, args ...any) {
		v.faults = append(v.faults, Fault{w.Tenant, w.ID, rule, fmt.Sprintf(what, args...)})
	}
	behind := slices.ContainsFunc(w.Rows, func(r warehouse.PlacedRow) bool { return !covers(sealed, r.Partition, r.Offset) })
	s := w.Session
	switch {
	case s == nil && behind:
		v.unfinished = true
		return v, nil
	case s == nil && len(w.Rows)+len(w.Findings) == 0: // gone since it was read
		return v, nil
	case s == nil:
		fault("", "the record has %d interactions and %d findings of it, and no snapshot", len(w.Rows), len(w.Findings))
		return v, nil
	case !covers(sealed, s.Partition, s.LastOffset):
		// The event was written before the snapshot, so that a snapshot which only claims to go that far is seen.
		v.unfinished = slices.ContainsFunc(w.Rows, func(r warehouse.PlacedRow) bool { return r.Partition == s.Partition && r.Offset == s.LastOffset })
		if !v.unfinished {
			fault("", "its snapshot goes to offset %d of partition %d, where no seal is and none of its events stands", s.LastOffset, s.Partition)
		}
		return v, nil
	}
	if s.Erased || slices.ContainsFunc(w.Rows, func(r warehouse.PlacedRow) bool { return event.IsErased(r.Flags) }) {
		v.erased = true // what is left of it proves nothing; that it was erased is for the evidence to prove
		return v, nil
	}
	state := new(session.State)
	if err := state.UnmarshalBinary(s.State); err != nil {
		if v.foreign = foreign(s.State); !v.foreign {
			fault("", "its snapshot cannot be read: %v", err)
		}
		return v, nil
	}
	events := a.events(w, state, sealed, fault)
	if events == nil || len(v.faults) > 0 {
		return v, nil
	}
	if n, knows := len(events.Events), state.Count(); n < knows {
		v.aged = s.Opened < warehouse.RetainedSince(time.UnixMilli(a.q.Now)).UnixMilli()
		if !v.aged && n == 0 { // a sweep deletes rows first, and the session last
			if v.aged, err = a.record.GoneAt(ctx, a.q.Topic, s.Partition, s.LastOffset); err != nil {
				return v, err
			}
		}
		if !v.aged {
			fault("", "its snapshot knows %d events, and the record has %d of them", knows, n)
		}
		return v, nil
	}
	c, err := a.court(ctx, s.Revision)
	switch {
	case err != nil:
		return v, err
	case c.foreign:
		v.foreign = true
		return v, nil
	case c.inspector == nil:
		fault("", "%s", c.why)
		return v, nil
	}
	is, err := events.Stand(ctx, c.inspector, state.Now)
	var refused *event.Reject
	if errors.As(err, &refused) {
		fault("", "its events do not belong together: %v", refused)
		return v, nil
	}
	if err != nil {
		return v, err
	}
	for _, what := range snapshotFaults(s, state, is) {
		fault("", "%s", what)
	}
	wrong := findingFaults(w, is)
	if len(wrong) > 0 && len(v.faults) == 0 && ahead(w, state) {
		if v.unfinished, err = a.brought(ctx, c.inspector, events, is, w); err != nil || v.unfinished {
			return v, err
		}
	}
	v.faults = append(v.faults, wrong...)
	for _, f := range w.Findings {
		if f.Standing {
			v.standing++
		}
	}
	return v, nil
}

// events rebuilds the events that the snapshot knows.
func (a *audit) events(w *warehouse.Whole, state *session.State, sealed map[int]warehouse.Seal, fault func(rule, what string, args ...any)) *Session {
	rows := stored{tenant: w.Tenant, id: w.ID}
	for i := range w.Rows {
		r := &w.Rows[i]
		first, known := state.Seen.First(r.EventID)
		switch {
		case known && first != r.Offset:
			fault("", "its snapshot knows event %s at offset %d, and the row stands at offset %d of partition %d", r.EventID, first, r.Offset, r.Partition)
			continue
		case !known && covers(sealed, r.Partition, r.Offset):
			fault("", "its snapshot does not know event %s at offset %d of partition %d", r.EventID, r.Offset, r.Partition)
			continue
		case !known:
			continue // it came meanwhile
		}
		rows.rows = append(rows.rows, warehouse.ReplayRow{
			Tenant: w.Tenant, SessionID: w.ID, Offset: r.Offset,
			Text: r.Text, TextBytes: int64(r.TextBytes), Flags: r.Flags, Body: r.Body, Extra: r.Extra,
		})
	}
	whole, err := rows.session()
	if err != nil {
		fault("", "%v", err)
		return nil
	}
	return whole
}

// snapshotHead is how many bytes of a snapshot tell which program wrote it: the version, and the digest of the
// types.
const snapshotHead = 5

// foreign reports whether a snapshot was written by a program of another version.
func foreign(state []byte) bool {
	own, err := new(session.State).MarshalBinary()
	return err == nil && len(own) >= snapshotHead && !bytes.HasPrefix(state, own[:snapshotHead])
}

// snapshotFaults are the differences between a session's row, the state in it, and what its events come to.
func snapshotFaults(s *warehouse.Session, state, is *session.State) (out []string) {
	want := canonical(&is.Facts)
	if got := readFacts(s.Facts); got != want {
		out = append(out, "the facts of its row differ from what follows from its events: "+difference(want, got))
	}
	if got := canonical(&state.Facts); got != want {
		out = append(out, "the facts of its snapshot differ from what follows from its events: "+difference(want, got))
	}
	for _, c := range []struct {
		name      string
		want, got any
	}{
		{"opened", is.Facts.Opened, s.Opened}, {"closed", is.Facts.Closed, s.Closed}, {"last_at", is.Newest.At, s.LastAt},
		{"last_offset", is.Last, s.LastOffset}, {"events", is.Count(), s.Events}, {"derived", is.Derived, s.Derived},
		{"due", is.Due, s.Due},
		{"pending", is.Facts.Closed == 0 || is.Due != 0, s.Pending}, // what is not is not looked at again
		{"channel", is.Facts.Channel, s.Channel}, {"business_line", is.Facts.BusinessLine, s.BusinessLine},
		{"jurisdiction", is.Facts.Jurisdiction, s.Jurisdiction}, {"industry", is.Facts.Industry, s.Industry},
		{"customer_id", is.Customer, s.CustomerID}, {"bot_id", is.Bot.ID, s.BotID}, {"bot_version", is.Bot.Version, s.BotVersion},
		{"not_assessed", unassessed(is.NotAssessed), unassessed(s.NotAssessed)},
	} {
		if c.want != c.got {
			out = append(out, fmt.Sprintf("its %s is %v, and %v follows from its events", c.name, c.got, c.want))
		}
	}
	return out
}

func unassessed(all []policies.NotAssessable) string {
	var out []string
	for _, n := range all {
		out = append(out, n.Rule+" ("+n.Reason+")")
	}
	return strings.Join(out, ", ")
}

// canonical writes facts as they can be compared.
func canonical(f *policies.Facts) string {
	b, err := json.Marshal(f)
	if err != nil {
		return err.Error()
	}
	return compact(string(b))
}

// readFacts is the facts of a row in the same form, which may leave out what is not told.
func readFacts(text string) string {
	var f policies.Facts
	if json.Unmarshal([]byte(text), &f, json.RejectUnknownMembers(true)) != nil {
		return compact(text)
	}
	return canonical(&f)
}

// compact brings JSON into its canonical form; what is no JSON stays.
func compact(text string) string {
	v := jsontext.Value(text)
	if v.Canonicalize() != nil {
		return text
	}
	return string(v)
}

// difference names the members of two JSON objects that differ.
func difference(want, got string) string {
	var a, b map[string]jsontext.Value
	if json.Unmarshal([]byte(want), &a) != nil || json.Unmarshal([]byte(got), &b) != nil {
		return "it is no JSON object"
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if !bytes.Equal(a[name], b[name]) {
			out = append(out, fmt.Sprintf("%s is %s, expected %s", name, brief(b[name]), brief(a[name])))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok {
			out = append(out, fmt.Sprintf("%s is %s, expected nothing", name, brief(b[name])))
		}
	}
	return strings.Join(out, ", ")
}

// maxShown is how much of a value a sentence shows.
const maxShown = 200

func brief(v jsontext.Value) string {
	if len(v) == 0 {
		return "nothing"
	}
	if len(v) > maxShown {
		return strings.ToValidUTF8(string(v[:maxShown]), "") + "…"
	}
	return string(v)
}

// findingFaults are the differences between the stored findings and what stands.
func findingFaults(w *warehouse.Whole, is *session.State) (out []Fault) {
	fault := func(rule, what string, args ...any) {
		out = append(out, Fault{w.Tenant, w.ID, rule, fmt.Sprintf(what, args...)})
	}
	recorded := map[string]bool{}
	for i := range w.Findings {
		f := &w.Findings[i]
		recorded[f.Rule] = true
		want := standing(is, f.Rule)
		switch {
		case f.Standing && want == nil:
			fault(f.Rule, "it stands, and does not follow from the session's events")
		case !f.Standing && want != nil:
			fault(f.Rule, "it is withdrawn, and follows from the session's events: %s", brief(want.Facts))
		case want != nil:
			if d := unlike(w, f, want, is); d != "" {
				fault(f.Rule, "%s", d)
			}
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(is.Found)) {
		if f := standing(is, rule); f != nil && !recorded[rule] {
			fault(rule, "it is missing, and follows from the session's events: %s", brief(f.Facts))
		}
	}
	return out
}

// unlike says how a stored finding differs from what follows.
func unlike(w *warehouse.Whole, f *warehouse.Finding, want *policies.Finding, is *session.State) string {
	var out []string
	if facts, stored := compact(string(want.Facts)), compact(f.Facts); facts != stored {
		out = append(out, "its facts differ: "+difference(facts, stored))
	}
	for _, c := range []struct {
		name      string
		want, got any
	}{
		{"id", inspect.FindingID(w.Tenant, w.ID, f.Rule), f.ID},
		{"severity", string(want.Severity), f.Severity}, {"status", string(want.Status), f.Status}, {"pack", want.Pack, f.Pack},
		{"subject", want.Subject, f.Subject}, {"at", want.At, f.At},
		{"channel", is.Facts.Channel, f.Channel}, {"business_line", is.Facts.BusinessLine, f.BusinessLine},
		{"bot_version", is.Bot.Version, f.BotVersion}, {"jurisdiction", is.Facts.Jurisdiction, f.Jurisdiction},
		{"customer_id", is.Customer, f.CustomerID},
	} {
		if c.want != c.got {
			out = append(out, fmt.Sprintf("its %s is %v, expected %v", c.name, c.got, c.want))
		}
	}
	return strings.Join(out, ", ")
}

// ahead reports whether any finding is newer than the snapshot knows.
func ahead(w *warehouse.Whole, state *session.State) bool {
	return slices.ContainsFunc(w.Findings, func(f warehouse.Finding) bool {
		return int(f.Version) > state.Found[f.Rule].Version
	})
}

// maxDeadlines bounds how many deadlines one batch can have brought a session.
const maxDeadlines = 64

// brought reports whether the findings are what the session's next deadlines bring.
func (a *audit) brought(ctx context.Context, i *inspect.Inspector, events *Session, is *session.State, w *warehouse.Whole) (bool, error) {
	for range maxDeadlines {
		if is.Due == 0 || is.Due > a.q.Now {
			return false, nil
		}
		next, err := events.Stand(ctx, i, is.Due)
		if err != nil {
			return false, err
		}
		if len(findingFaults(w, next)) == 0 {
			return true, nil
		}
		is = next
	}
	return false, nil
}
