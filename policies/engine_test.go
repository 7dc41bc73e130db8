package policies_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"mingjian/policies"
)

// The moments of these sessions count from here.
const opened policies.Millis = 1_790_000_000_000

// typical is a session of some length in which a person was asked for and came.
func typical(jurisdiction string) *policies.Input {
	no := false
	return &policies.Input{
		Session: &policies.Facts{
			Jurisdiction: jurisdiction, Channel: "app", Industry: "bank", BusinessLine: "cards",
			Province: "河南", Opened: opened, Elder: &no,
			Entrance: &policies.Entrance{HumanOptionVisible: true, Label: policies.FullLabel, Notice: true},
			Bot: policies.BotFacts{
				Texts: 5, Third: "e-7", ThirdAt: opened + 30_000, First: "e-2", FirstAt: opened + 2_000,
				Unlabelled: "e-2", UnlabelledAt: opened + 2_000, UnlabelledForm: policies.NoLabel,
			},
			Human: policies.Human{Strikes: 1, Waits: []policies.Wait{{
				Asked: "e-9", AskedAt: opened + 40_000, Joined: "e-11", JoinedAt: opened + 60_000, WaitedMs: 20_000,
			}}},
			Service: policies.Service{Apologies: 1},
		},
		Tenant: "default", Changed: policies.AllFields,
		Now: opened + 61_000,
	}
}

// dreadful breaks every rule of its jurisdiction that it can.
func dreadful(jurisdiction string) *policies.Input {
	in := typical(jurisdiction)
	yes := true
	s := in.Session
	s.Elder, s.Industry = &yes, "telecom"
	s.NoElderChannel, s.NoElderChannelAt = "e-1", opened
	s.Entrance.Label, s.Entrance.Notice = policies.NoLabel, false
	s.Human.Waits[0].Joined, s.Human.Waits[0].JoinedAt, s.Human.Waits[0].WaitedMs = "e-20", opened+140_000, 100_000
	s.Human.Strikes, s.Human.StrikeThree, s.Human.StrikeThreeAt = 4, "e-15", opened+90_000
	s.Service = policies.Service{Apologies: 3, ThirdApology: "e-16", ThirdApologyAt: opened + 100_000}
	in.Now = opened + 140_000
	return in
}

func engine(t testing.TB) *policies.Engine {
	t.Helper()
	e, err := policies.NewEngine(t.Context(), load(t))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func check(t testing.TB, e *policies.Engine, in *policies.Input) policies.Verdict {
	t.Helper()
	v, err := e.Check(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func ids(v policies.Verdict) (found []string) {
	for _, f := range v.Findings {
		found = append(found, f.Rule)
	}
	return found
}

// due is the earliest moment that a verdict names, 0 if there is none.
func due(v policies.Verdict) (first policies.Millis) {
	for _, d := range v.Due {
		if first == 0 || d.At < first {
			first = d.At
		}
	}
	return first
}

func TestCheckDecidesByJurisdiction(t *testing.T) {
	e := engine(t)
	quality := []string{"q-apology-loop", "q-three-strikes"}
	china := append([]string{"cn-ai-label-missing", "cn-elder-channel-missing", "cn-human-slow", "cn-human-unreachable"}, quality...)
	union := append([]string{"eu-ai-notice-missing"}, quality...)
	for code, want := range map[string][]string{
		"CN": china, "cn": china, " CN ": china, "CN-41": china,
		"EU": union, "ES": union, "ES-CT": union, "DE": union, "DE-BY": union, "GR": union, "EL": union, "SE": union,
		"US": quality, "US-CA": quality, "US-NY": quality, "KR": append([]string{"kr-ai-notice-missing"}, quality...),
		"": quality, "HK": quality, "NO": quality, "GB": quality, "?": quality, "-": quality,
	} {
		if got := ids(check(t, e, dreadful(code))); !slices.Equal(got, want) {
			t.Errorf("jurisdiction %q: found %v, want %v", code, got, want)
		}
		if got := ids(check(t, e, typical(code))); got != nil {
			t.Errorf("jurisdiction %q: found %v in a session in which all is well", code, got)
		}
	}
}

func TestCheckGivesWholeFindings(t *testing.T) {
	v := check(t, engine(t), dreadful("CN"))
	want := []policies.Finding{
		{
			Rule: "cn-ai-label-missing", Pack: "cn", Severity: policies.Critical, Status: policies.Statute, Subject: "e-7", At: opened + 30_000,
			Facts: []byte(`{"bot_texts":5,"full_at_text":0,"incomplete_at_text":0,"interface":"none","label_by_text":3,"label_scope":"session"}`),
		},
		{
			Rule: "cn-elder-channel-missing", Pack: "cn", Severity: policies.Critical, Status: policies.Statute, Subject: "e-1", At: opened,
			Facts: []byte(`{"elder":true,"elder_channel":false,"human_option_visible":true,"industry":"telecom"}`),
		},
		{
			Rule: "cn-human-slow", Pack: "cn", Severity: policies.Medium, Status: policies.Policy, Subject: "e-20", At: opened + 140_000,
			Facts: []byte(`{"asked":"e-9","asked_at":1790000040000,"joined":"e-20","joined_at":1790000140000,"limit_s":30,"waited_ms":100000}`),
		},
		{
			Rule: "cn-human-unreachable", Pack: "cn", Severity: policies.Critical, Status: policies.Policy, At: opened + 130_000,
			Facts: []byte(`{"asked":"e-9","asked_at":1790000040000,"joined":"e-20","joined_at":1790000140000,"limit_s":90,"waited_ms":100000}`),
		},
		{
			Rule: "q-apology-loop", Pack: "quality", Severity: policies.Medium, Status: policies.Quality, Subject: "e-16", At: opened + 100_000,
			Facts: []byte(`{"apologies_in_a_row":3,"third_apology":"e-16"}`),
		},
		{
			Rule: "q-three-strikes", Pack: "quality", Severity: policies.High, Status: policies.Quality, Subject: "e-15", At: opened + 90_000,
			Facts: []byte(`{"requests":4,"third_request":"e-15"}`),
		},
	}
	for i, f := range v.Findings {
		if !reflect.DeepEqual(f, want[i]) {
			t.Errorf("finding %d:\n got %s %+v\nwant %s %+v", i, f.Facts, f, want[i].Facts, want[i])
		}
	}
	if len(v.Findings) != len(want) || due(v) != 0 {
		t.Errorf("verdict %+v", v)
	}
}

func TestCheckNamesWhatItCannotAssess(t *testing.T) {
	e := engine(t)
	in := typical("CN")
	in.Session.Elder = nil
	if v := check(t, e, in); !slices.Contains(v.NotAssessable, policies.NotAssessable{Rule: "cn-elder-channel-missing", Reason: "customer.age"}) {
		t.Errorf("not assessable: %v", v.NotAssessable)
	}
	yes := true
	in.Session.Elder, in.Session.Entrance = &yes, nil
	if v := check(t, e, in); !slices.Contains(v.NotAssessable, policies.NotAssessable{Rule: "cn-elder-channel-missing", Reason: "entrance"}) {
		t.Errorf("not assessable: %v", v.NotAssessable)
	}
}

// The caller keeps only a clock: it is told when to ask again, and asking then gives the finding.
func TestCheckSaysWhenToAskAgain(t *testing.T) {
	e := engine(t)
	in := typical("CN")
	in.Session.Human.Waits = []policies.Wait{{Asked: "e-9", AskedAt: opened + 40_000}, {Asked: "e-12", AskedAt: opened + 50_000}}
	in.Now = opened + 60_000
	v := check(t, e, in)
	if due(v) != opened+130_000 || len(v.Findings) != 0 {
		t.Fatalf("due %d, findings %v", due(v)-opened, ids(v))
	}
	in.Now = due(v)
	v = check(t, e, in)
	if got := ids(v); !slices.Equal(got, []string{"cn-human-unreachable"}) || v.Findings[0].At != in.Now || due(v) != opened+140_000 {
		t.Fatalf("at the moment due: found %v, due %d", got, due(v)-opened)
	}
	in.Now = due(v)
	if again := check(t, e, in); due(again) != 0 || !reflect.DeepEqual(again.Findings, v.Findings) {
		t.Errorf("a later look changes the finding: %+v", again)
	}
}

func TestParametersDecide(t *testing.T) {
	files := shipped(t)
	edit(t, files, "params.yaml", "human_slow_s: 30", "human_slow_s: 10")
	b, err := policies.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	e, err := policies.NewEngine(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	v := check(t, e, typical("CN"))
	if got := ids(v); !slices.Equal(got, []string{"cn-human-slow"}) {
		t.Errorf("found %v", got)
	}
}

// A pack that gives something else than the contract says is a defect, and is told, not guessed at.
func TestCheckRefusesABrokenAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"no moment": `"severity": "low", "status": "quality", "subject": "", "facts": {}`,
		"odd facts": `"severity": "low", "status": "quality", "subject": "", "at": 1, "facts": {"x": {1, 2}}`,
		"no status": `"severity": "low", "subject": "", "at": 1, "facts": {}`,
		"half a ms": `"severity": "low", "status": "quality", "subject": "", "at": 1.5, "facts": {}`,
		"two":       `"severity": "low", "status": "quality", "subject": subject, "at": 1, "facts": {}`,
	} {
		t.Run(name, func(t *testing.T) {
			files := shipped(t)
			edit(t, files, "quality/apology.rego", `	"severity": "medium",
	"status": "quality",
	"subject": input.session.service.third_apology,
	"at": input.session.service.third_apology_at,
	"facts": {
		"apologies_in_a_row": input.session.service.apologies,
		"third_apology": input.session.service.third_apology,
	},
`, body+",\n")
			if name == "two" {
				edit(t, files, "quality/apology.rego", "input.session.service.apologies == 3", "input.session.service.apologies == 3\n\tsome subject in [\"a\", \"b\"]")
			}
			b, err := policies.Load(files)
			if err != nil {
				t.Fatal(err)
			}
			e, err := policies.NewEngine(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := e.Check(t.Context(), dreadful("KR")); err == nil {
				t.Errorf("accepted: %+v", v)
			}
		})
	}
}

func TestCheckIsSafeForManyGoroutines(t *testing.T) {
	e := engine(t)
	codes := []string{"CN", "EU", "US-CA", ""}
	want := map[string]policies.Verdict{}
	for _, code := range codes {
		want[code] = check(t, e, dreadful(code))
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 100 {
				code := codes[(g+n)%len(codes)]
				v, err := e.Check(t.Context(), dreadful(code))
				if err != nil {
					t.Error(err)
				} else if !reflect.DeepEqual(v, want[code]) {
					t.Errorf("%s: %v, want %v", code, ids(v), ids(want[code]))
				}
				typical(code).Session.Value()
			}
		})
	}
	wg.Wait()
}

// anyFacts draws facts of every kind, also ones that no session could have.
func anyFacts() *rapid.Generator[*policies.Facts] {
	return rapid.Custom(func(t *rapid.T) *policies.Facts {
		f := new(policies.Facts)
		fill(t, reflect.ValueOf(f).Elem(), "")
		f.Jurisdiction = rapid.SampledFrom([]string{"CN", "CN", "EU", "ES", "US-CA", "US-UT", "US-ME", "KR", ""}).Draw(t, "jurisdiction")
		return f
	})
}

// words are values that some fact or other can have, so that rules are met.
var words = []string{
	"", "", "e-1", "e-2", "none", "incomplete", "full", "app", "phone", "telecom", "internet", "bank", "insurance",
	"express", "air", "retail", "customer", "system", "bot", "agent", "idle", "ended", "河南", "重庆", "billing",
	"continuity", "personal_information", "refund", "price", "quality", "wrong", "irrelevant",
}

// fill draws a value for everything in a struct. Half of the groups stay as they begin, as in life.
func fill(t *rapid.T, v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() != reflect.Struct || rapid.Bool().Draw(t, name+v.Type().Field(i).Name+"?") {
				fill(t, f, name+v.Type().Field(i).Name+" ")
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, name+"?") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), name)
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, name+"len")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), fmt.Sprintf("%s%d ", name, i))
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int:
		v.SetInt(int64(rapid.OneOf(rapid.IntRange(0, 5), rapid.IntRange(-100, 1000)).Draw(t, name)))
	case reflect.Int64:
		// Decoding admits 2000-01-01 to tomorrow; the range here is far wider.
		v.SetInt(rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(opened, opened+200_000), rapid.Int64Range(-1<<50, 1<<50)).Draw(t, name))
	case reflect.Float64:
		v.SetFloat(rapid.OneOf(rapid.Float64Range(0, 100), rapid.Float64()).Draw(t, name))
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.SampledFrom(words), rapid.String()).Draw(t, name))
	default:
		t.Fatalf("facts hold a %s", v.Type())
	}
}

// standing is what is held of a session after some verdicts.
type standing struct {
	findings map[string]policies.Finding
	not      map[policies.NotAssessable]bool
	due      map[policies.Due]bool
}

// take brings a verdict in, as the session's keeper does.
func (s *standing) take(v policies.Verdict) {
	maps.DeleteFunc(s.findings, func(rule string, _ policies.Finding) bool { return v.Answers(rule) })
	maps.DeleteFunc(s.not, func(n policies.NotAssessable, _ bool) bool { return v.Answers(n.Rule) })
	maps.DeleteFunc(s.due, func(d policies.Due, _ bool) bool { return v.Asked(d.Topic) })
	for _, f := range v.Findings {
		s.findings[f.Rule] = f
	}
	for _, n := range v.NotAssessable {
		s.not[n] = true
	}
	for _, d := range v.Due {
		s.due[d] = true
	}
}

func stands(v ...policies.Verdict) standing {
	s := standing{map[string]policies.Finding{}, map[policies.NotAssessable]bool{}, map[policies.Due]bool{}}
	for _, one := range v {
		s.take(one)
	}
	return s
}

// about is what a verdict says of the rules that another speaks of too: an engine that has prepared many
// questions asks more than has changed.
func about(v, other policies.Verdict) standing {
	s := stands(v)
	maps.DeleteFunc(s.findings, func(rule string, _ policies.Finding) bool { return !other.Answers(rule) })
	maps.DeleteFunc(s.not, func(n policies.NotAssessable, _ bool) bool { return !other.Answers(n.Rule) })
	maps.DeleteFunc(s.due, func(d policies.Due, _ bool) bool { return !other.Asked(d.Topic) })
	return s
}

// Whatever the facts: there is an answer, every finding is one of the catalogue's, before the moment
// due nothing changes, and asking only what has changed comes to the same as asking everything.
func TestCheckIsAFunctionOfFacts(t *testing.T) {
	e := engine(t)
	packs := map[string]string{}
	for _, r := range load(t).Rules {
		packs[r.ID] = r.Pack
	}
	rapid.Check(t, func(t *rapid.T) {
		ask := func(in policies.Input) policies.Verdict {
			v, err := e.Check(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		f := anyFacts().Draw(t, "facts")
		now := rapid.Int64Range(opened, opened+400_000).Draw(t, "now")
		first := ask(policies.Input{Session: f, Tenant: "t", Now: now, Changed: policies.AllFields})
		for _, x := range first.Findings {
			if packs[x.Rule] != x.Pack || x.Pack == "" {
				t.Fatalf("finding of %s in pack %q", x.Rule, x.Pack)
			}
		}
		if d := due(first); d != 0 {
			if d <= now {
				t.Fatalf("due at %d, which is not after now (%d)", d, now)
			}
			before := ask(policies.Input{Session: f, Tenant: "t", Now: d - 1, Changed: policies.AllFields})
			if !reflect.DeepEqual(first.Findings, before.Findings) {
				t.Fatalf("before the moment due the answer changed:\n%+v\n%+v", first.Findings, before.Findings)
			}
		}

		g, other := new(policies.Facts), anyFacts().Draw(t, "other facts")
		*g = *f
		for i := range reflect.ValueOf(g).Elem().NumField() {
			if rapid.IntRange(0, 3).Draw(t, "take field") == 0 {
				reflect.ValueOf(g).Elem().Field(i).Set(reflect.ValueOf(other).Elem().Field(i))
			}
		}
		later := now + rapid.Int64Range(0, 200_000).Draw(t, "later")
		part := ask(policies.Input{Session: g, Tenant: "t", Now: later, Changed: g.Changed(f), Due: first.Due})
		whole := ask(policies.Input{Session: g, Tenant: "t", Now: later, Changed: policies.AllFields})
		if got, want := stands(first, part), stands(whole); !reflect.DeepEqual(got, want) {
			t.Fatalf("asked in part: %+v\nasked in whole: %+v", got, want)
		}
	})
}

// A guard may let through what has nothing to say, and never keeps back what has.
func TestGuardsKeepNothingBack(t *testing.T) {
	guarded := engine(t)
	open, err := policies.Unguarded(t.Context(), load(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	compare := func(t rapid.TB, in *policies.Input) (reached bool) {
		want, err := open.Check(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := guarded.Check(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := about(got, want), about(want, got); !reflect.DeepEqual(g, w) {
			t.Fatalf("with guards %+v\nwithout %+v", g, w)
		}
		return got.Reached()
	}
	rapid.Check(t, func(t *rapid.T) {
		compare(t, &policies.Input{
			Session: anyFacts().Draw(t, "facts"), Tenant: "t", Changed: policies.AllFields,
			Now: rapid.Int64Range(opened, opened+400_000).Draw(t, "now"),
		})
	})
	stream, reached := demoStream(t, load(t), 400), 0
	for i := range stream {
		if compare(t, &stream[i].in) {
			reached++
		}
	}
	t.Logf("%d of the %d interactions of a demo were put to OPA", reached, len(stream))
	if reached > len(stream)/2 {
		t.Error("the guards keep back too little to be worth having")
	}
}

// A field that Changed forgets would leave rules unasked.
func TestChangedKnowsEveryField(t *testing.T) {
	facts := reflect.TypeFor[policies.Facts]()
	var visit func(field int, at func(*policies.Facts) reflect.Value, of reflect.Type, name string)
	visit = func(field int, at func(*policies.Facts) reflect.Value, of reflect.Type, name string) {
		var a, b policies.Facts
		switch of.Kind() {
		case reflect.Struct:
			for i := range of.NumField() {
				visit(field, func(f *policies.Facts) reflect.Value { return at(f).Field(i) }, of.Field(i).Type, name+"."+of.Field(i).Name)
			}
			return
		case reflect.Pointer:
			at(&b).Set(reflect.New(of.Elem()))
			visit(field, func(f *policies.Facts) reflect.Value {
				if at(f).IsNil() {
					at(f).Set(reflect.New(of.Elem()))
				}
				return at(f).Elem()
			}, of.Elem(), name+"*")
		case reflect.Slice:
			at(&b).Set(reflect.MakeSlice(of, 1, 1))
			visit(field, func(f *policies.Facts) reflect.Value {
				if at(f).Len() == 0 {
					at(f).Set(reflect.MakeSlice(of, 1, 1))
				}
				return at(f).Index(0)
			}, of.Elem(), name+"[]")
		case reflect.String:
			at(&b).SetString("x")
		case reflect.Bool:
			at(&b).SetBool(true)
		case reflect.Int, reflect.Int64:
			at(&b).SetInt(1)
		case reflect.Float64:
			at(&b).SetFloat(1)
		}
		at(&a) // makes what leads there
		if got, want := b.Changed(&a), policies.Fields(1)<<field; got != want {
			t.Errorf("%s differs: changed %v, want %v", name, got.Names(), want.Names())
		}
		if a.Changed(&a) != 0 {
			t.Errorf("%s: facts differ from themselves", name)
		}
	}
	for i := range facts.NumField() {
		visit(i, func(f *policies.Facts) reflect.Value { return reflect.ValueOf(f).Elem().Field(i) }, facts.Field(i).Type, facts.Field(i).Name)
	}
}

func BenchmarkCheck(b *testing.B) {
	e := engine(b)
	for _, c := range []struct {
		name string
		in   *policies.Input
	}{
		{"core+cn+cn47746+quality", typical("CN")},
		{"core+cn+cn47746+quality/found", dreadful("CN")},
		{"core+eu+quality", typical("EU")},
		{"core+es+eu+quality", typical("ES")},
		{"core+us+quality", typical("US-CA")},
		{"core+kr+quality", typical("KR")},
		{"core+quality", typical("")},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Check(b.Context(), c.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkValue(b *testing.B) {
	in := typical("CN")
	b.ReportAllocs()
	for b.Loop() {
		in.Session.Value()
	}
}
