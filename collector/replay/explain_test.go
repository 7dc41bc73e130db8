package replay_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/replay"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// archive is a record of one session.
type archive struct {
	findings map[string]warehouse.FindingItem
	policies map[string]warehouse.Policies
	events   []warehouse.Interaction
}

func (a archive) Finding(_ context.Context, id string) (warehouse.FindingItem, bool, error) {
	f, ok := a.findings[id]
	return f, ok, nil
}

func (a archive) Policies(_ context.Context, revision string) (warehouse.Policies, bool, error) {
	p, ok := a.policies[revision]
	return p, ok, nil
}

func (a archive) Events(context.Context, string, string) ([]warehouse.Interaction, error) {
	return a.events, nil
}

// A finding is explained by the revision that made it where that can be run, at the moment when it was
// made, also when it was withdrawn since; where it cannot, it says why in a sentence.
func TestExplain(t *testing.T) {
	b := load(t, nil)
	files, err := json.Marshal(b.Files())
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string][]byte{}
	for name, text := range b.Files() {
		changed[name] = text
	}
	changed["params.yaml"] = []byte(strings.Replace(string(changed["params.yaml"]), "human_slow_s: 30", "human_slow_s: 29", 1))
	tampered, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	a := archive{
		policies: map[string]warehouse.Policies{
			b.Revision: {Revision: b.Revision, Fold: policies.FoldVersion, Files: string(files)},
			"of old":   {Revision: "of old", Fold: policies.FoldVersion - 1, Files: string(files)},
			"tampered": {Revision: "tampered", Fold: policies.FoldVersion, Files: string(tampered)},
		},
		findings: map[string]warehouse.FindingItem{},
	}
	for i, e := range []event.Event{
		{Kind: event.SessionOpened, Channel: "app", Customer: &event.Customer{ID: "c", Jurisdiction: "CN"}},
		{Kind: event.Message, Actor: event.Actor{Role: event.CustomerRole}, Text: "转人工"},
		{Kind: event.Message, Actor: event.Actor{Role: event.CustomerRole}, Text: "有人吗"},
	} {
		e.ID, e.SessionID, e.At = string(rune('a'+i)), "s", now.Add(time.Duration(i)*time.Second).UnixMilli()
		a.events = append(a.events, warehouse.Interaction{Tenant: "default", SessionID: "s", EventID: e.ID, Offset: int64(i), At: e.At,
			Kind: string(e.Kind), Role: string(e.Actor.Role), Text: e.Text, TextBytes: len(e.Text), Body: event.Body(&e)})
	}
	asked := now.Add(time.Second).UnixMilli()
	facts := `{"asked":"b","asked_at":` + string(mustJSON(t, asked)) + `,"limit_s":90}`
	finding := func(id, revision, rule, facts string) {
		a.findings[id] = warehouse.FindingItem{FindingID: id, Tenant: "default", SessionID: "s", Rule: rule, Level: "session",
			At: asked + 90_000, State: "withdrawn", Revision: revision, Facts: facts}
	}
	finding("mine", b.Revision, "cn-human-unreachable", facts)
	finding("other", b.Revision, "cn-human-unreachable", `{"limit_s":7}`)
	finding("old", "of old", "cn-human-unreachable", facts)
	finding("lost", "unknown", "cn-human-unreachable", facts)
	finding("forged", "tampered", "cn-human-unreachable", facts)

	explain := func(id string) *replay.Explanation {
		t.Helper()
		x, err := replay.Explain(t.Context(), a, id, now.Add(48*time.Hour).UnixMilli())
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if len(x.Decided) < 1 && id != "other" || id != "other" && (x.Decided[0].EventID != "b" || x.Decided[0].Text != "转人工") {
			t.Errorf("%s was decided by %+v", id, x.Decided)
		}
		return x
	}
	x := explain("mine")
	if x.Untraced != "" || x.Trace == nil || !x.Trace.Found || x.Rule == nil || x.Rule.ID != "cn-human-unreachable" {
		t.Errorf("explained as %+v", x)
	}
	if x = explain("other"); x.Trace == nil || !strings.Contains(x.Untraced, "do not give this finding again") {
		t.Errorf("other facts: %+v", x)
	}
	for id, want := range map[string]string{
		"old":    "made by fold " + string(mustJSON(t, policies.FoldVersion-1)) + "; this program has " + string(mustJSON(t, policies.FoldVersion)) + ": facts shown as stored, not folded again",
		"lost":   "the record does not have revision unknown",
		"forged": "they were changed",
	} {
		if x := explain(id); x.Trace != nil || !strings.Contains(x.Untraced, want) || string(x.Facts) != facts {
			t.Errorf("%s: %q, want %q", id, x.Untraced, want)
		}
	}
	if _, err := replay.Explain(t.Context(), a, "none", 0); !errors.Is(err, replay.ErrNoFinding) {
		t.Errorf("an id that is not there: %v", err)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
