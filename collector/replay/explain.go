package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Archive is the record with the policies that judged in it.
type Archive interface {
	Finding(ctx context.Context, id string) (warehouse.FindingItem, bool, error)
	Policies(ctx context.Context, revision string) (warehouse.Policies, bool, error)
	Events(ctx context.Context, tenant, sessionID string) ([]warehouse.Interaction, error)
}

// revisions is the part of the record that keeps policies.
type revisions interface {
	Policies(ctx context.Context, revision string) (warehouse.Policies, bool, error)
}

// Explanation is why a finding stands, or stood. Its JSON is what `policy explain --json` prints.
type Explanation struct {
	Finding warehouse.FindingItem `json:"finding"`
	Facts   json.RawMessage       `json:"facts"`          // as stored
	Rule    *policies.Rule        `json:"rule,omitempty"` // of the revision that made it
	Trace   *policies.Trace       `json:"trace,omitempty"`
	// Untraced says why there is no trace, or none of the facts as stored; "" where there is.
	Untraced string   `json:"untraced,omitempty"`
	Decided  []Moment `json:"decided"` // the events that the facts name, in their order
}

// Moment is an event for a reader.
type Moment struct {
	EventID string          `json:"event_id"`
	At      policies.Millis `json:"at_ms"`
	Kind    string          `json:"kind"`
	Role    string          `json:"role,omitempty"`
	Text    string          `json:"text,omitempty"` // masked
}

// ErrNoFinding is what Explain returns for an id that the record does not have.
var ErrNoFinding = errors.New("the record has no finding of this id")

// Explain tells why a finding stands: the rule of the revision that made it, and how each of its
// conditions came out at the moment when the session's events first gave the finding as it is stored. Where
// the record lacks the revision, or another fold made the facts, it says so instead. now bounds how far
// time passes.
func Explain(ctx context.Context, record Archive, id string, now policies.Millis) (*Explanation, error) {
	f, found, err := record.Finding(ctx, id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNoFinding
	}
	out := &Explanation{Finding: f, Facts: json.RawMessage(f.Facts), Decided: []Moment{}}
	rows, err := record.Events(ctx, f.Tenant, f.SessionID)
	if err != nil {
		return nil, err
	}
	out.decide(rows)
	if f.Level == "indicator" {
		out.Untraced = "it is an indicator, which is computed over many sessions: the facts hold numerator, denominator and interval"
		return out, nil
	}
	bundle, why, err := revision(ctx, record, f.Revision)
	if err != nil {
		return nil, err
	}
	if bundle != nil {
		if r, known := bundle.Rule(f.Rule); known {
			out.Rule = &r
		}
	}
	if why != "" {
		out.Untraced = why
		return out, nil
	}
	inspector, err := inspect.New(bundle)
	if err != nil {
		return nil, err
	}
	whole := &Session{Tenant: f.Tenant, ID: f.SessionID}
	for i := range rows {
		r := &rows[i]
		e, err := event.FromStored(r.Body, r.Text, r.TextBytes, r.Flags, r.Labels, r.Extra)
		if err != nil {
			return nil, fmt.Errorf("session %s: %w", f.SessionID, err)
		}
		whole.Events = append(whole.Events, inspect.Placed{Event: e, Offset: r.Offset})
	}
	state, same, err := whole.until(ctx, inspector, now, func(s *session.State) bool {
		stands := standing(s, f.Rule)
		return stands != nil && stands.At == f.At && bytes.Equal(stands.Facts, []byte(f.Facts))
	})
	if err != nil {
		return nil, err
	}
	if !same {
		out.Untraced = "the session's stored events do not give this finding again as it is stored; what follows is how the rule's conditions come out now"
	}
	out.Trace, err = bundle.Trace(ctx, &policies.Input{Session: &state.Facts, Tenant: state.Tenant, Now: state.Now}, f.Rule)
	return out, err
}

// until takes the session step by step, as it went, until it is as wanted; same is false where it never is.
func (s *Session) until(ctx context.Context, i *inspect.Inspector, now policies.Millis, wanted func(*session.State) bool) (state *session.State, same bool, err error) {
	state = session.New(s.ID, s.Tenant)
	pass := func(to policies.Millis) (bool, error) {
		for state.Due != 0 && state.Due <= to {
			if _, err := i.Deadline(ctx, state); err != nil {
				return false, err
			}
			if wanted(state) {
				return true, nil
			}
		}
		return false, nil
	}
	for _, p := range s.Events {
		if same, err := pass(p.Event.At); same || err != nil {
			return state, same, err
		}
		if _, err := i.Next(ctx, state, p.Event, event.Position{Offset: p.Offset}, inOrder); err != nil {
			return state, false, err
		}
		if wanted(state) {
			return state, true, nil
		}
	}
	same, err = pass(now)
	return state, same, err
}

func inOrder(context.Context) ([]inspect.Placed, error) {
	return nil, errors.New("stored events come out of order")
}

// revision loads the policies of a revision from the record. why says what keeps them from being run; the
// bundle is nil where they cannot be read either.
func revision(ctx context.Context, record revisions, id string) (b *policies.Bundle, why string, err error) {
	row, found, err := record.Policies(ctx, id)
	switch {
	case err != nil:
		return nil, "", err
	case !found:
		return nil, fmt.Sprintf("the record does not have revision %s, which made it: facts shown as stored", id), nil
	}
	var files map[string][]byte
	if err := json.Unmarshal([]byte(row.Files), &files); err != nil {
		return nil, "", fmt.Errorf("policies of revision %s: %w", id, err)
	}
	source, err := policies.Archived(files)
	if err != nil {
		return nil, "", fmt.Errorf("policies of revision %s: %w", id, err)
	}
	b, err = policies.Load(source)
	if row.Fold != policies.FoldVersion {
		// Another program's facts may be other facts: its rules may not even load here.
		if err != nil {
			b = nil
		}
		return b, fmt.Sprintf("made by fold %d; this program has %d: facts shown as stored, not folded again", row.Fold, policies.FoldVersion), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("policies of revision %s: %w", id, err)
	}
	if b.Revision != id {
		return b, fmt.Sprintf("the record's files of revision %s make revision %s: they were changed; facts shown as stored", id, b.Revision), nil
	}
	return b, "", nil
}

// decide finds the events that the facts name, and the one that completed the finding.
func (x *Explanation) decide(rows []warehouse.Interaction) {
	named := map[string]bool{x.Finding.Subject: true}
	var facts any
	if json.Unmarshal(x.Facts, &facts) == nil {
		texts(facts, named)
	}
	for i := range rows {
		if r := &rows[i]; named[r.EventID] {
			x.Decided = append(x.Decided, Moment{r.EventID, r.At, r.Kind, r.Role, r.Text})
		}
	}
	slices.SortStableFunc(x.Decided, func(a, b Moment) int { return int(a.At - b.At) })
}

// texts notes every string in a JSON value.
func texts(v any, into map[string]bool) {
	switch v := v.(type) {
	case string:
		into[v] = true
	case []any:
		for _, x := range v {
			texts(x, into)
		}
	case map[string]any:
		for _, x := range v {
			texts(x, into)
		}
	}
}
