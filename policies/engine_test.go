package policies_test

import (
	"fmt"
	"math"
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
		Event: policies.Trigger{ID: "e-12", Kind: "message", Role: "customer"},
		Session: &policies.Facts{
			Jurisdiction: jurisdiction, Channel: "app", Industry: "bank", BusinessLine: "cards",
			Province: "河南", Opened: opened, Elder: &no,
			Entrance: &policies.Entrance{HumanOptionVisible: true, Label: policies.FullLabel, Notice: true},
			Bot: policies.BotFacts{
				Texts: 5, Third: "e-7", ThirdAt: opened + 30_000, First: "e-2", FirstAt: opened + 2_000,
				Unlabelled: "e-2", UnlabelledAt: opened + 2_000, UnlabelledForm: policies.NoLabel,
			},
			Human: policies.Human{Strikes: 1, Waits: []policies.Wait{{
				Asked: "e-9", AskedAt: opened + 40_000, Joined: "e-11", JoinedAt: opened + 60_000,
			}}},
			Service: policies.Service{Apologies: 1},
		},
		Tenant: policies.Tenant{Name: "default"},
		Now:    opened + 61_000,
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
	s.Human.Waits[0].Joined, s.Human.Waits[0].JoinedAt = "e-20", opened+140_000
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

func TestCheckDecidesByJurisdiction(t *testing.T) {
	e := engine(t)
	quality := []string{"q-apology-loop", "q-three-strikes"}
	china := append([]string{"cn-ai-label-missing", "cn-elder-channel-missing", "cn-human-slow", "cn-human-unreachable"}, quality...)
	union := append([]string{"eu-ai-notice-missing"}, quality...)
	for code, want := range map[string][]string{
		"CN": china, "cn": china, " CN ": china, "CN-41": china,
		"EU": union, "ES": union, "ES-CT": union, "DE": union, "DE-BY": union, "GR": union, "EL": union, "SE": union,
		"US": quality, "US-CA": quality, "US-NY": quality, "KR": quality,
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
	if len(v.Findings) != len(want) || v.NotAssessable != nil || v.Due != 0 {
		t.Errorf("verdict %+v", v)
	}
}

func TestCheckNamesWhatItCannotAssess(t *testing.T) {
	e := engine(t)
	in := typical("CN")
	in.Session.Elder = nil
	if v := check(t, e, in); !slices.Equal(v.NotAssessable, []policies.NotAssessable{{Rule: "cn-elder-channel-missing", Reason: "customer.age"}}) {
		t.Errorf("not assessable: %v", v.NotAssessable)
	}
	yes := true
	in.Session.Elder, in.Session.Entrance = &yes, nil
	if v := check(t, e, in); !slices.Equal(v.NotAssessable, []policies.NotAssessable{{Rule: "cn-elder-channel-missing", Reason: "entrance"}}) {
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
	if v.Due != opened+130_000 || len(v.Findings) != 0 {
		t.Fatalf("due %d, findings %v", v.Due-opened, ids(v))
	}
	in.Now, in.Event = v.Due, policies.Trigger{Kind: "deadline"}
	v = check(t, e, in)
	if got := ids(v); !slices.Equal(got, []string{"cn-human-unreachable"}) || v.Findings[0].At != in.Now || v.Due != opened+140_000 {
		t.Fatalf("at the moment due: found %v, due %d", got, v.Due-opened)
	}
	in.Now = v.Due
	if again := check(t, e, in); again.Due != 0 || !reflect.DeepEqual(again.Findings, v.Findings) {
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
				typical(code).Value()
			}
		})
	}
	wg.Wait()
}

// anyFacts draws facts of every kind, also ones that no session could have.
func anyFacts() *rapid.Generator[*policies.Facts] {
	// Half the range leaves room to add a deadline; decoding admits far less, 2000-01-01 to tomorrow.
	moment := rapid.OneOf(rapid.Just(policies.Millis(0)), rapid.Int64Range(opened, opened+200_000), rapid.Int64Range(math.MinInt64/2, math.MaxInt64/2))
	id := rapid.OneOf(rapid.Just(""), rapid.SampledFrom([]string{"e-1", "e-2"}), rapid.String())
	number := rapid.OneOf(rapid.IntRange(0, 5), rapid.Int())
	label := rapid.SampledFrom([]policies.LabelForm{"", policies.NoLabel, policies.IncompleteLabel, policies.FullLabel, "odd"})
	known := rapid.SampledFrom([]*bool{nil, new(bool), func() *bool { b := true; return &b }()})
	yes := rapid.Bool()
	return rapid.Custom(func(t *rapid.T) *policies.Facts {
		f := &policies.Facts{
			Jurisdiction: rapid.OneOf(rapid.SampledFrom([]string{"CN", "EU", "ES", "US-CA", "KR", ""}), rapid.String()).Draw(t, "jurisdiction"),
			Channel:      rapid.SampledFrom([]string{"app", "phone", ""}).Draw(t, "channel"),
			Industry:     rapid.SampledFrom([]string{"telecom", "bank", ""}).Draw(t, "industry"),
			Opened:       moment.Draw(t, "opened"),
			Closed:       moment.Draw(t, "closed"),
			ClosedBy:     rapid.SampledFrom([]string{"", "customer", "system", "odd"}).Draw(t, "closed by"),
			ClosedID:     id.Draw(t, "closed id"),
			Resolved:     known.Draw(t, "resolved"),
			Elder:        known.Draw(t, "elder"),
			Accessible:   yes.Draw(t, "accessible"),
			Bot: policies.BotFacts{
				Texts: number.Draw(t, "texts"), FullAt: number.Draw(t, "full at"), IncompleteAt: number.Draw(t, "incomplete at"),
				Third: id.Draw(t, "third"), ThirdAt: moment.Draw(t, "third at"),
				Unlabelled: id.Draw(t, "unlabelled"), UnlabelledAt: moment.Draw(t, "unlabelled at"), UnlabelledForm: label.Draw(t, "form"),
				Waived: yes.Draw(t, "waived"), First: id.Draw(t, "first"), FirstAt: moment.Draw(t, "first at"), FirstNotice: yes.Draw(t, "first notice"),
			},
			Human: policies.Human{
				Strikes: number.Draw(t, "strikes"), StrikeThree: id.Draw(t, "strike three"), StrikeThreeAt: moment.Draw(t, "strike three at"),
			},
			Service: policies.Service{Apologies: number.Draw(t, "apologies"), ThirdApology: id.Draw(t, "third apology"), ThirdApologyAt: moment.Draw(t, "third apology at")},
		}
		if yes.Draw(t, "has entrance") {
			f.Entrance = &policies.Entrance{
				HumanOptionVisible: yes.Draw(t, "option"), ElderChannel: yes.Draw(t, "elder channel"),
				Label: label.Draw(t, "label"), Notice: yes.Draw(t, "notice"),
			}
		}
		for n := range rapid.IntRange(0, 4).Draw(t, "waits") {
			draw := func(what string) string { return fmt.Sprintf("%s %d", what, n) }
			f.Human.Waits = append(f.Human.Waits, policies.Wait{
				Asked: id.Draw(t, draw("asked")), AskedAt: moment.Draw(t, draw("asked at")),
				Refused: id.Draw(t, draw("refused")), RefusedAt: moment.Draw(t, draw("refused at")),
				Joined: id.Draw(t, draw("joined")), JoinedAt: moment.Draw(t, draw("joined at")),
				EndedAt: moment.Draw(t, draw("ended at")),
			})
		}
		return f
	})
}

// Whatever the facts: there is an answer, it is the same whatever event asked, asking earlier than
// the moment due gives the same findings, and every finding is one of the catalogue's.
func TestCheckIsAFunctionOfFacts(t *testing.T) {
	e := engine(t)
	packs := map[string]string{}
	for _, r := range load(t).Rules {
		packs[r.ID] = r.Pack
	}
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts().Draw(t, "facts")
		now := rapid.Int64Range(opened, opened+400_000).Draw(t, "now")
		ask := func(now policies.Millis, by policies.Trigger) policies.Verdict {
			v, err := e.Check(t.Context(), &policies.Input{Event: by, Session: f, Now: now, Tenant: policies.Tenant{Name: "t"}})
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		first := ask(now, policies.Trigger{ID: "e-1", Kind: "message", Role: "bot"})
		if again := ask(now, policies.Trigger{Kind: "deadline"}); !reflect.DeepEqual(first, again) {
			t.Fatalf("another trigger, another answer:\n%+v\n%+v", first, again)
		}
		for _, x := range first.Findings {
			if packs[x.Rule] != x.Pack || x.Pack == "" {
				t.Fatalf("finding of %s in pack %q", x.Rule, x.Pack)
			}
		}
		if first.Due == 0 {
			return
		}
		if first.Due <= now {
			t.Fatalf("due %d is not after now %d", first.Due, now)
		}
		if before := ask(first.Due-1, policies.Trigger{}); !reflect.DeepEqual(before.Findings, first.Findings) {
			t.Fatalf("before the moment due the answer changed:\n%+v\n%+v", first.Findings, before.Findings)
		}
	})
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
		in.Value()
	}
}
