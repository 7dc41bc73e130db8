package policies_test

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/scenario"
	"mingjian/collector/session"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// asked is one interaction of the demo's stream as it comes to the check: what is known of its session
// then, and what the interaction changed.
type asked struct {
	in      policies.Input
	waiting bool // a moment named before has come, so that rules are asked whatever changed
}

// demoStream folds the demo's sessions into the questions that their interactions raise.
func demoStream(tb testing.TB, b *policies.Bundle, sessions int) []asked {
	tb.Helper()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	player, err := scenario.Demo(tb.Context(), b, policies.Builtin(), scenario.PlayOptions{Seed: 1, Now: now, History: 8 * time.Hour, Sessions: sessions})
	if err != nil {
		tb.Fatal(err)
	}
	detector, err := signal.New(b.Lexicons)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := policies.NewEngine(tb.Context(), b)
	if err != nil {
		tb.Fatal(err)
	}
	states := map[string]*session.State{}
	var stream []asked
	for offset := int64(0); ; offset++ {
		_, key, value, ok := player.Next()
		if !ok {
			return stream
		}
		one, reject := event.Decode([]byte(key), value, now.AddDate(1, 0, 0))
		if reject != nil {
			tb.Fatal(reject)
		}
		redact.Event(one, func(id string) string { return id })
		s := states[one.SessionID]
		changed := policies.AllFields
		if s == nil {
			s = session.New(one.SessionID, one.Tenant)
			states[one.SessionID] = s
			s.Fold(one, session.Order{At: one.At, Offset: offset}, detector.Detect(one.Actor.Role, one.Text), detector)
		} else {
			changed = s.Fold(one, session.Order{At: one.At, Offset: offset}, detector.Detect(one.Actor.Role, one.Text), detector)
		}
		in := policies.Input{Session: copied(tb, &s.Facts), Tenant: s.Tenant, Now: s.Now, Changed: changed, Due: slices.Clone(s.Asked)}
		stream = append(stream, asked{in, slices.ContainsFunc(s.Asked, func(d policies.Due) bool { return d.At <= s.Now })})
		v := check(tb, e, &in)
		s.Asked = append(slices.DeleteFunc(s.Asked, func(d policies.Due) bool { return v.Asked(d.Topic) }), v.Due...)
	}
}

func copied(tb testing.TB, f *policies.Facts) *policies.Facts {
	tb.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		tb.Fatal(err)
	}
	var out policies.Facts
	if err := json.Unmarshal(text, &out); err != nil {
		tb.Fatal(err)
	}
	return &out
}

// BenchmarkCheckOfTheDemo is the check of one interaction, on average over the demo's stream: as the
// collector does it, only where rules are asked at all, and in the naive way, one prepared query of
// all packs on a map[string]any for every interaction.
func BenchmarkCheckOfTheDemo(b *testing.B) {
	bundle := load(b)
	stream := demoStream(b, bundle, 600)
	e := engine(b)
	var reaching []asked
	for _, a := range stream {
		if a.in.Changed == 0 && !a.waiting {
			continue
		}
		if v := check(b, e, &a.in); v.Reached() {
			reaching = append(reaching, a)
		}
	}
	run := func(of []asked) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				a := &of[n%len(of)]
				if a.in.Changed == 0 && !a.waiting {
					continue
				}
				if _, err := e.Check(b.Context(), &a.in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(100*float64(len(reaching))/float64(len(stream)), "%_reach_OPA")
		}
	}
	b.Run("each", run(stream))
	b.Run("that reaches OPA", run(reaching))
	b.Run("naive", func(b *testing.B) {
		query := naive(b, bundle)
		inputs := make([]map[string]any, 0, len(stream))
		for _, a := range stream {
			facts, err := ast.JSON(a.in.Session.Value())
			if err != nil {
				b.Fatal(err)
			}
			inputs = append(inputs, map[string]any{
				"session": facts, "now": a.in.Now,
				"tenant": map[string]any{"name": a.in.Tenant, "calendar": "cn", "industry": "", "failure_threshold": nil, "large_business": nil, "platform": nil, "known_fields": []any{}, "ticket_ids": nil},
			})
		}
		b.ReportAllocs()
		b.ResetTimer()
		for n := 0; b.Loop(); n++ {
			if _, err := query.Eval(b.Context(), rego.EvalInput(inputs[n%len(inputs)])); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// naive prepares the packs for China as OPA's documentation shows it: modules, data, one query.
func naive(b *testing.B, bundle *policies.Bundle) rego.PreparedEvalQuery {
	b.Helper()
	params, err := bundle.TestData()
	if err != nil {
		b.Fatal(err)
	}
	options := []func(*rego.Rego){
		rego.Store(inmem.NewFromObject(map[string]any{"mingjian": map[string]any{"params": params["params"]}})),
		rego.Query("[data.mingjian.core, data.mingjian.cn, data.mingjian.cn47746, data.mingjian.quality]"),
	}
	options = append(options, bundle.Functions()...)
	err = fs.WalkDir(policies.Builtin(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".rego") || strings.HasSuffix(path, "_test.rego") || strings.HasPrefix(path, "sampling/") || strings.HasSuffix(path, "indicator.rego") {
			return err
		}
		text, err := fs.ReadFile(policies.Builtin(), path)
		options = append(options, rego.Module(path, string(text)))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	query, err := rego.New(options...).PrepareForEval(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return query
}
