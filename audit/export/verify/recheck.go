package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mingjian/audit/export/dossier"
	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/seal"
	"mingjian/collector/session"
	"mingjian/policies"
)

// judge is a revision of the policies, ready; nil inspector: it cannot, and why says so.
type judge struct {
	inspector *inspect.Inspector
	why       string
}

// recheck judges the chosen sessions again.
func (v *verification) recheck(ctx context.Context) error {
	var all []*talk
	for _, k := range []*keep{v.chosen.with, v.chosen.without} {
		for _, key := range slices.SortedFunc(maps.Keys(k.talks), func(a, b sessionKey) int { return slices.Compare(a[:], b[:]) }) {
			all = append(all, k.talks[key])
		}
	}
	v.out.NotRechecked = map[string]int{}
	judges := map[string]*judge{}
	for _, t := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		why, err := v.again(ctx, t, judges)
		if err != nil {
			return err
		}
		if why != "" {
			v.out.NotRechecked[why]++
			continue
		}
		v.out.Counts.Rechecked++
		v.out.Counts.Refound += len(t.findings)
	}
	return nil
}

// again judges one session; why is set where it cannot be judged.
func (v *verification) again(ctx context.Context, t *talk, judges map[string]*judge) (why string, err error) {
	switch {
	case t.broken != "":
		return t.broken, nil
	case len(t.rows) == 0:
		return "none of its interactions is shown", nil
	case !t.inside:
		return "it is of another period", nil
	case t.events > len(t.rows):
		return "not all of its interactions are shown", nil
	}
	id, events, err := t.sequence()
	if err != nil {
		v.problem(dossier.InteractionsFile, "session %s cannot be read again: %v", id, err)
		return "", nil
	}
	s := &v.seals[min(t.seal, len(v.seals)-1)]
	j := judges[s.revision]
	if j == nil {
		j = &judge{}
		judges[s.revision] = j
		b, why, err := v.bundle(s.revision)
		switch {
		case err != nil:
			if err := v.fault(err); err != nil {
				return "", err
			}
			j.why = "its policies cannot be loaded"
		case why != "":
			j.why = why
		default:
			if j.inspector, err = inspect.New(b); err != nil {
				v.problem(dossier.PoliciesDir+"/"+s.revision, "the policies cannot be used: %v", err)
				j.why = "its policies cannot be loaded"
			}
		}
	}
	if j.inspector == nil {
		return j.why, nil
	}
	return v.compare(ctx, t, id, events, j.inspector, s)
}

// sequence rebuilds a session's events, in their order.
func (t *talk) sequence() (id string, out []inspect.Placed, err error) {
	for _, r := range t.rows {
		var e seal.Entry
		if err := json.Unmarshal(r.entry, &e, json.RejectUnknownMembers(true)); err != nil {
			return id, nil, err
		}
		id = e.SessionID
		x, err := event.FromStored(e.Body, e.Text, e.TextBytes, e.Flags, "", e.Extra)
		if err != nil {
			return id, nil, err
		}
		if x.SessionID != e.SessionID || x.ID != e.EventID || x.At != e.At {
			return id, nil, fmt.Errorf("the row at offset %d says otherwise in its body", r.offset)
		}
		out = append(out, inspect.Placed{Event: x, Offset: r.offset})
	}
	slices.SortFunc(out, func(a, b inspect.Placed) int {
		return cmp.Or(cmp.Compare(a.Event.At, b.Event.At), cmp.Compare(a.Offset, b.Offset))
	})
	return id, out, nil
}

const (
	// maxDeadlines bounds how many deadlines a session is followed over.
	maxDeadlines = 64
	// lag is how long before the end of its partition's seals a deadline may have fallen due whose findings
	// are not sealed yet, in milliseconds: the collector may have been behind by that much.
	lag = 60 * 60 * 1000
)

// compare judges a session at the end of its partition's seals, and holds what stands against what was sealed.
// What a deadline brings shortly before that end may be missing yet.
func (v *verification) compare(ctx context.Context, t *talk, id string, events []inspect.Placed, i *inspect.Inspector, s *sealed) (why string, err error) {
	end := v.ends(s.partition)
	stand := func(now policies.Millis) (*session.State, error) {
		state := session.New(id, v.pkg.Manifest.Scope.Tenant)
		if err := i.Fold(state, events, now); err != nil {
			return nil, err
		}
		return state, i.Judge(ctx, state)
	}
	is, err := stand(max(end, events[len(events)-1].Event.At))
	var refused *event.Reject
	switch {
	case errors.As(err, &refused):
		v.problem(dossier.InteractionsFile, "the interactions of session %s do not belong together: %v", id, refused)
		return "", nil
	case err != nil:
		return "", fmt.Errorf("judge session %s again: %w", id, err)
	case is.Tenant != v.pkg.Manifest.Scope.Tenant:
		return "it was another tenant's at first", nil
	}
	differ := v.differences(t, is, id)
	if len(differ) == 0 {
		return "", nil
	}
	for _, f := range t.findings {
		// The policies changed while it went on: neither the old ones nor the new ones alone make its findings.
		if f.Revision != s.revision {
			return "its findings are of another revision of the policies than the last seal that it is under", nil
		}
	}
	now := events[len(events)-1].Event.At
	for range maxDeadlines {
		earlier, err := stand(now)
		if err != nil {
			return "", fmt.Errorf("judge session %s again: %w", id, err)
		}
		if earlier.Due == 0 || earlier.Due > end {
			break
		}
		if earlier.Due > end-lag && len(v.differences(t, earlier, id)) == 0 {
			return "a deadline of it fell due shortly before the end", nil
		}
		now = earlier.Due
	}
	for _, d := range differ {
		v.problem(dossier.FindingsFile, "%s", d)
	}
	return "", nil
}

// ends is when the last seal of a partition was made that counts.
func (v *verification) ends(partition int) (at int64) {
	for i := range v.seals {
		if s := &v.seals[i]; s.partition == partition && !s.superseded && (s.at <= v.pkg.Manifest.Scope.RecordedBy || len(s.rows)+len(s.findings) > 0) {
			at = max(at, s.at)
		}
	}
	return at
}

// differences are how what was sealed of a session's findings differs from what follows from its rows.
func (v *verification) differences(t *talk, is *session.State, id string) (out []string) {
	say := func(rule, what string, args ...any) {
		out = append(out, fmt.Sprintf("finding %s of session %s %s", rule, id, fmt.Sprintf(what, args...)))
	}
	tenant, rules := is.Tenant, v.pkg.Manifest.Scope.Rules
	asked := func(rule string) bool { return len(rules) == 0 || slices.Contains(rules, rule) }
	for _, rule := range slices.Sorted(maps.Keys(is.Found)) {
		want := is.Found[rule]
		got, ok := t.findings[rule]
		switch {
		case !want.Standing || !asked(rule):
		case !ok:
			say(rule, "follows from its interactions, and is not among the sealed ones")
		case !got.Standing:
			say(rule, "follows from its interactions, and was sealed as withdrawn")
		default:
			if d := unlike(&got, &want.Finding, inspect.FindingID(tenant, id, rule)); d != "" {
				say(rule, "was sealed otherwise than it follows from its interactions: %s", d)
			}
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(t.findings)) {
		if asked(rule) && t.findings[rule].Standing && !is.Found[rule].Standing {
			say(rule, "was sealed as standing, and does not follow from its interactions")
		}
	}
	return out
}

func unlike(got *seal.Finding, want *policies.Finding, id string) string {
	var out []string
	for _, c := range []struct {
		name      string
		want, got any
	}{
		{"id", id, got.ID}, {"severity", string(want.Severity), got.Severity}, {"status", string(want.Status), got.Status},
		{"subject", want.Subject, got.Subject}, {"at", want.At, got.At}, {"facts", compact(string(want.Facts)), compact(got.Facts)},
	} {
		if c.want != c.got {
			out = append(out, fmt.Sprintf("its %s is %v, expected %v", c.name, c.got, c.want))
		}
	}
	return strings.Join(out, ", ")
}

// compact brings JSON into its canonical form; what is no JSON stays.
func compact(text string) string {
	v := jsontext.Value(text)
	if v.Canonicalize() != nil {
		return text
	}
	return string(v)
}
