package policies_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"mingjian/policies"
)

func sampling(t *testing.T) *policies.Sampling {
	t.Helper()
	s, err := policies.LoadSampling(t.Context(), policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The cells that were seen in copies of the standard and of its ancestor, by state, lot size and AQL.
func TestSamplingTablesHoldTheVerifiedCells(t *testing.T) {
	s := sampling(t)
	check := func(size int, level, aql string, state policies.Inspection, letter string, n, ac int) {
		t.Helper()
		got, err := s.Plan(t.Context(), policies.PlanInput{LotSize: size, Level: level, AQL: aql, State: state})
		if want := (policies.Plan{Letter: letter, N: n, Ac: ac, Re: ac + 1}); err != nil || got != want {
			t.Errorf("%d sessions, level %s, AQL %s, %s: %+v, %v; want %+v", size, level, aql, state, got, err, want)
		}
	}
	// Level II, normal: letters and samples at both ends of each range.
	for _, r := range []struct {
		from, to int
		letter   string
		n        int
		ac       map[string]int
	}{
		{281, 500, "H", 50, map[string]int{"1.0": 1, "1.5": 2, "2.5": 3, "4.0": 5}},
		{501, 1200, "J", 80, map[string]int{"1.0": 2, "1.5": 3, "2.5": 5, "4.0": 7}},
		{1201, 3200, "K", 125, map[string]int{"1.0": 3, "1.5": 5, "2.5": 7, "4.0": 10}},
		{3201, 10_000, "L", 200, map[string]int{"1.0": 5, "1.5": 7, "2.5": 10, "4.0": 14}},
		{10_001, 35_000, "M", 315, map[string]int{"1.0": 7, "1.5": 10, "2.5": 14, "4.0": 21}},
		{35_001, 150_000, "N", 500, map[string]int{"0.65": 7, "1.0": 10}},
		{150_001, 500_000, "P", 800, map[string]int{"0.65": 10, "1.0": 14}},
		{500_001, 4_000_000, "Q", 1250, map[string]int{"0.65": 14, "1.0": 21}},
	} {
		for aql, ac := range r.ac {
			check(r.from, "II", aql, policies.Normal, r.letter, r.n, ac)
			check(r.to, "II", aql, policies.Normal, r.letter, r.n, ac)
		}
	}
	// Arrows, normal: down to a larger sample, up to a smaller one.
	check(100, "II", "1.0", policies.Normal, "E", 13, 0) // F points up
	check(200, "II", "1.0", policies.Normal, "H", 50, 1) // G points down
	check(50, "II", "1.0", policies.Normal, "E", 13, 0)  // D points down
	check(150, "II", "1.5", policies.Normal, "G", 32, 1)
	check(8, "II", "6.5", policies.Normal, "A", 2, 0)
	check(200_000, "II", "2.5", policies.Normal, "N", 500, 21) // P points up
	// Tightened, arrows included.
	check(400, "II", "0.65", policies.Tightened, "K", 125, 1)
	check(400, "II", "1.0", policies.Tightened, "J", 80, 1)
	check(400, "II", "1.5", policies.Tightened, "H", 50, 1)
	check(400, "II", "2.5", policies.Tightened, "H", 50, 2)
	check(400, "II", "6.5", policies.Tightened, "H", 50, 5)
	check(1000, "II", "1.0", policies.Tightened, "J", 80, 1)
	check(1000, "II", "4.0", policies.Tightened, "J", 80, 5)
	check(1000, "II", "6.5", policies.Tightened, "J", 80, 8)
	check(2000, "II", "1.5", policies.Tightened, "K", 125, 3)
	check(2000, "II", "6.5", policies.Tightened, "K", 125, 12)
	check(100, "II", "1.0", policies.Tightened, "F", 20, 0)
	check(40, "II", "1.0", policies.Tightened, "F", 20, 0)
	// Other levels.
	check(400, "I", "4.0", policies.Normal, "F", 20, 2)
	check(400, "III", "4.0", policies.Normal, "J", 80, 7)
	check(400, "S-4", "4.0", policies.Normal, "E", 13, 1)
	// A small lot is looked at whole.
	check(20, "II", "1.0", policies.Normal, "E", 13, 0)
	check(1, "II", "6.5", policies.Normal, "A", 1, 0)
	check(777, "II", "1.0", policies.Stopped, "", 777, 0)
}

// What holds for the tables as a whole, the cells nobody has seen included.
func TestSamplingTablesAreWhole(t *testing.T) {
	s := sampling(t)
	sizes := []int{2, 9, 16, 26, 51, 91, 151, 281, 501, 1201, 3201, 10_001, 35_001, 150_001, 500_001}
	for _, level := range []string{"S-1", "S-2", "S-3", "S-4", "I", "II", "III"} {
		for _, aql := range []string{"0.10", "0.15", "0.25", "0.40", "0.65", "1.0", "1.5", "2.5", "4.0", "6.5"} {
			var before policies.Plan
			for _, size := range sizes {
				plans := map[policies.Inspection]policies.Plan{}
				for _, state := range []policies.Inspection{policies.Normal, policies.Tightened, policies.Reduced} {
					p, err := s.Plan(t.Context(), policies.PlanInput{LotSize: size, Level: level, AQL: aql, State: state})
					if err != nil {
						t.Fatal(err)
					}
					if p.N < 1 || p.N > size || p.Re != p.Ac+1 {
						t.Errorf("%s %s %d %s: %+v", level, aql, size, state, p)
					}
					plans[state] = p
				}
				n, tight, red := plans[policies.Normal], plans[policies.Tightened], plans[policies.Reduced]
				if tight.N < n.N || tight.N == n.N && tight.Ac > n.Ac {
					t.Errorf("%s %s %d: tightened %+v is laxer than normal %+v", level, aql, size, tight, n)
				}
				if red.N > n.N || red.Ac > n.Ac {
					t.Errorf("%s %s %d: reduced %+v asks more than normal %+v", level, aql, size, red, n)
				}
				if n.N < min(before.N, size) {
					t.Errorf("%s %s: the sample shrinks to %+v at %d", level, aql, n, size)
				}
				before = n
			}
		}
	}
}

func TestSamplingRefusesWhatTheTablesLack(t *testing.T) {
	s := sampling(t)
	good := policies.PlanInput{LotSize: 100, Level: "II", AQL: "1.0", State: policies.Normal}
	for _, change := range []func(*policies.PlanInput){
		func(p *policies.PlanInput) { p.LotSize = 0 }, func(p *policies.PlanInput) { p.Level = "IV" },
		func(p *policies.PlanInput) { p.AQL = "1" }, func(p *policies.PlanInput) { p.AQL = "0.065" }, func(p *policies.PlanInput) { p.State = "" },
	} {
		in := good
		change(&in)
		if p, err := s.Plan(t.Context(), in); err == nil {
			t.Errorf("%+v was given %+v", in, p)
		}
	}
	if next, err := s.Next(t.Context(), policies.SwitchInput{State: policies.Normal, AQL: "1.0"}); err == nil {
		t.Errorf("no lot at all led to %+v", next)
	}
}

// A stratum goes through all four states, where the switching rules say.
func TestSamplingSwitches(t *testing.T) {
	s := sampling(t)
	at := policies.SwitchState{State: policies.Normal}
	var history []policies.Decided
	var seen []string
	play := func(times, defective int) {
		for range times {
			history = append(history, policies.Decided{Accepted: defective <= 3, Letter: "H", Ac: 3, Defective: defective})
			next, err := s.Next(t.Context(), policies.SwitchInput{State: at.State, Score: at.Score, AQL: "2.5", Steady: true, History: history})
			if err != nil {
				t.Fatal(err)
			}
			if next.State != at.State {
				seen = append(seen, fmt.Sprintf("%s after %d", next.State, len(history)))
				history = nil
			}
			at = next
		}
	}
	play(9, 2)  // 27 points: one step tighter than 2.5 two are allowed
	play(1, 3)  // accepted, but not one step tighter: back to none
	play(10, 0) // 30 points
	play(3, 0)
	play(1, 4)
	play(1, 4)
	play(1, 0)
	play(1, 4)
	play(4, 0)
	play(1, 4)
	play(5, 0)
	play(2, 9)
	play(5, 9)
	play(9, 0)
	want := []string{"reduced after 20", "normal after 4", "tightened after 3", "normal after 10", "tightened after 2", "stopped after 5"}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("switched %q, want %q", seen, want)
	}
}

func TestSamplingSourceWithFaultsIsRefused(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"nothing there": {},
		"no rules":      {"sampling/tables.yaml": {Data: []byte("aql: []\n")}},
		"broken rules":  {"sampling/tables.yaml": {Data: []byte("aql: []\n")}, "sampling/plan.rego": {Data: []byte("package mingjian.sampling\n\nplan := undefined_name\n")}},
		"not Rego":      {"sampling/tables.yaml": {Data: []byte("aql: []\n")}, "sampling/plan.rego": {Data: []byte("plan")}},
		"broken tables": {"sampling/tables.yaml": {Data: []byte("aql: [\n")}, "sampling/plan.rego": {Data: []byte("package mingjian.sampling\n")}},
	} {
		if _, err := policies.LoadSampling(t.Context(), files); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}
