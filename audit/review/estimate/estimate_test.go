package estimate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"mingjian/audit/review/estimate"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func near(a, b float64) bool { return math.Abs(a-b) < 5e-4 }

// Values from the tables of Clopper and Pearson.
func TestExactIsTheIntervalOfClopperAndPearson(t *testing.T) {
	for _, c := range []struct{ x, n, low, high float64 }{
		{0, 10, 0, 0.3085}, {1, 10, 0.0025, 0.4450}, {5, 10, 0.1871, 0.8129}, {10, 10, 0.6915, 1},
		{0, 50, 0, 0.0711}, {2, 50, 0.0049, 0.1371}, {8, 800, 0.0043, 0.0196},
	} {
		if got := estimate.Exact(c.x, c.n); !near(got.Low, c.low) || !near(got.High, c.high) {
			t.Errorf("%g of %g: %.4f to %.4f, want %.4f to %.4f", c.x, c.n, got.Low, got.High, c.low, c.high)
		}
	}
	if got := estimate.Exact(0, 0); got != (estimate.Interval{Low: 0, High: 1}) {
		t.Errorf("nothing reviewed: %v", got)
	}
}

// draw takes n of a population without putting back and counts the defective ones.
func draw(r *rand.Rand, population, defective, n int) (found int) {
	for range n {
		if r.IntN(population) < defective {
			found++
			defective--
		}
		population--
	}
	return found
}

// The intervals keep what they promise: they cover the truth in at least 94 % of 1,000 draws, and are
// no wider than one and a half times those of Clopper and Pearson on as many sessions.
func TestIntervalsCoverTheTruth(t *testing.T) {
	const draws = 1000
	for _, rate := range []float64{0.001, 0.01, 0.05, 0.20} {
		for _, n := range []int{50, 200, 800} {
			for _, plan := range []struct {
				name   string
				strata int
			}{{"one lot", 1}, {"12 lots", 12}} {
				t.Run(fmt.Sprintf("%g/%d/%s", rate, n, plan.name), func(t *testing.T) {
					r := random(uint64(n))
					lots, whole, bad := population(plan.strata, n, rate)
					truth := float64(bad) / float64(whole)
					covered := 0
					var width, allowed float64
					for range draws {
						strata := make([]estimate.Stratum, len(lots))
						reviewed, found := 0, 0
						for i, l := range lots {
							l.Defective = draw(r, l.Population, l.Defective, l.Reviewed)
							strata[i] = l
							reviewed += l.Reviewed
							found += l.Defective
						}
						e := estimate.Rate(strata)
						if e.Interval.Covers(truth) {
							covered++
						}
						width += e.Interval.Width()
						allowed += estimate.Exact(float64(found), float64(reviewed)).Width()
					}
					ratio := width / allowed
					t.Logf("covered in %.1f %% of %d draws, %.2f × Clopper–Pearson", 100*float64(covered)/draws, draws, ratio)
					if covered < draws*94/100 {
						t.Errorf("covered in %d of %d draws", covered, draws)
					}
					if ratio > 1.5 {
						t.Errorf("%.2f times as wide as Clopper–Pearson", ratio)
					}
				})
			}
		}
	}
}

// population makes lots of different sizes and rates, and shares a sample of n among them by size.
func population(lots, n int, rate float64) (strata []estimate.Stratum, whole, bad int) {
	const size = 240_000
	shares := 0.0
	for i := range lots {
		shares += float64(i + 1)
	}
	for i := range lots {
		share := float64(i+1) / shares
		s := estimate.Stratum{Population: int(size * share), Reviewed: max(1, int(math.Round(float64(n)*share)))}
		s.Defective = int(math.Round(rate * float64(s.Population) * (0.5 + float64(i)/math.Max(float64(lots-1), 1))))
		if lots == 1 {
			s.Defective = int(math.Round(rate * float64(s.Population)))
		}
		whole += s.Population
		bad += s.Defective
		strata = append(strata, s)
	}
	return strata, whole, bad
}

func TestRate(t *testing.T) {
	for name, c := range map[string]struct {
		strata                []estimate.Stratum
		value                 float64
		low, high             float64
		population, rev, gone int
	}{
		"nothing":             {nil, 0, 0, 1, 0, 0, 0},
		"an empty lot":        {[]estimate.Stratum{{Population: 0}}, 0, 0, 1, 0, 0, 0},
		"all looked at":       {[]estimate.Stratum{{Population: 20, Reviewed: 20, Defective: 5}}, 0.25, 0.25, 0.25, 20, 20, 0},
		"nothing looked at":   {[]estimate.Stratum{{Population: 20}}, 0, 0, 1, 0, 0, 20},
		"a lot not looked at": {[]estimate.Stratum{{Population: 20, Reviewed: 20, Defective: 5}, {Population: 7}}, 0.25, 0.25, 0.25, 20, 20, 7},
		// Half the sessions are known, the other half lies within its own interval.
		"a census and a sample": {[]estimate.Stratum{
			{Population: 1_000_000, Reviewed: 1_000_000, Defective: 100_000},
			{Population: 1_000_000, Reviewed: 50, Defective: 0},
		}, 0.05, 0.05, 0.05 + 0.0711/2, 2_000_000, 1_000_050, 0},
	} {
		e := estimate.Rate(c.strata)
		if !near(e.Value, c.value) || !near(e.Interval.Low, c.low) || !near(e.Interval.High, c.high) ||
			e.Population != c.population || e.Reviewed != c.rev || e.Unseen != c.gone {
			t.Errorf("%s: %+v", name, e)
		}
	}
	// Lots that were drawn from at different rates weigh by their size, not by their sample.
	e := estimate.Rate([]estimate.Stratum{
		{Population: 90_000, Reviewed: 100, Defective: 10},
		{Population: 10_000, Reviewed: 100, Defective: 50},
	})
	if !near(e.Value, 0.9*0.1+0.1*0.5) || e.Effective >= 200 || e.Effective < 80 {
		t.Errorf("weighted: %+v", e)
	}
}

func TestTheErrorThatASampleBounds(t *testing.T) {
	n := estimate.SampleFor(0.95, 1_000_000, estimate.ErrorLimit)
	if n < 80 || n > 200 {
		t.Errorf("a sample of %d bounds 95 %% at 5 %%", n)
	}
	met := func(n int) bool {
		ok, _ := estimate.Bounds(estimate.Rate([]estimate.Stratum{{Population: 1_000_000, Reviewed: n, Defective: int(math.Round(0.95 * float64(n)))}}), estimate.ErrorLimit)
		return ok
	}
	if met(n/2) || !met(n*11/10) {
		t.Errorf("half of %d bounds: %v; a tenth more: %v", n, met(n/2), met(n*11/10))
	}
	if got := estimate.SampleFor(0.01, 500, estimate.ErrorLimit); got < 495 {
		t.Errorf("a rare defect in few sessions asks for nearly all, not %d of 500", got)
	}
	if got := estimate.SampleFor(0, 500, estimate.ErrorLimit); got != 500 {
		t.Errorf("a rate of nothing: %d", got)
	}
	if ok, relative := estimate.Bounds(estimate.Rate(nil), estimate.ErrorLimit); ok || !math.IsInf(relative, 1) {
		t.Errorf("nothing reviewed bounds an error of %g", relative)
	}
}

// The example of Cohen's κ in Fleiss, Statistical Methods for Rates and Proportions: 50 subjects, two
// raters, 20 and 15 agreements, 5 and 10 disagreements.
func TestAgreement(t *testing.T) {
	var ratings []estimate.Rating
	add := func(n int, first, second string) {
		for range n {
			ratings = append(ratings, estimate.Rating{First: first, Second: second})
		}
	}
	add(20, "fail", "fail")
	add(5, "fail", "pass")
	add(10, "pass", "fail")
	add(15, "pass", "pass")
	a := estimate.Agree(ratings, random(1))
	if !a.Defined || a.N != 50 || !near(a.Observed, 0.7) || !near(a.Kappa, 0.4) {
		t.Errorf("agreement %+v", a)
	}
	if a.Interval.Low > 0.25 || a.Interval.Low < 0.05 || a.Interval.High < 0.55 || a.Interval.High > 0.75 {
		t.Errorf("interval %v", a.Interval)
	}
	if again := estimate.Agree(ratings, random(1)); again != a {
		t.Error("the same seed, another interval")
	}
	for name, ratings := range map[string][]estimate.Rating{
		"nothing":      nil,
		"one category": {{First: "pass", Second: "pass"}, {First: "pass", Second: "pass"}},
	} {
		if a := estimate.Agree(ratings, random(1)); a.Defined || a.Kappa != 0 || a.N != len(ratings) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	full := estimate.Agree([]estimate.Rating{{First: "a", Second: "a"}, {First: "b", Second: "b"}, {First: "b", Second: "b"}}, random(1))
	if full.Kappa != 1 || full.Interval.High != 1 {
		t.Errorf("full agreement: %+v", full)
	}
	against := estimate.Agree([]estimate.Rating{{First: "a", Second: "b"}, {First: "b", Second: "a"}}, random(1))
	if against.Kappa != -1 {
		t.Errorf("full disagreement: %+v", against)
	}
}

func TestJudge(t *testing.T) {
	var calls []estimate.Call
	add := func(n int, found, wrong bool, weight float64) {
		for range n {
			calls = append(calls, estimate.Call{Found: found, Wrong: wrong, Weight: weight})
		}
	}
	add(90, true, true, 1)  // critical findings, all reviewed
	add(10, true, false, 1) // overruled
	add(5, false, true, 20) // missed by the rule, seen in the sample
	add(95, false, false, 20)
	q := estimate.Judge(calls)
	if !near(q.Precision.Value, 0.9) || q.Precision.Reviewed != 100 || !q.Precision.Interval.Covers(0.9) || q.Precision.Interval.Width() > 0.15 {
		t.Errorf("precision %+v", q.Precision)
	}
	if want := 90.0 / (90 + 5*20); !near(q.Recall.Value, want) || q.Recall.Reviewed != 95 || q.Recall.Effective > 30 {
		t.Errorf("recall %+v, want %.3f", q.Recall, want)
	}
	if q := estimate.Judge(nil); q.Precision.Reviewed != 0 || q.Recall.Interval != (estimate.Interval{Low: 0, High: 1}) {
		t.Errorf("no calls: %+v", q)
	}
}
