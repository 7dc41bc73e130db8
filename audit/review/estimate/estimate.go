// Package estimate says what a sample of reviewed sessions tells about all of them, and how surely.
//
// What was drawn is known: each lot (stratum) has a population, a number of sessions that a keyed hash
// picked from it, and the sessions that were reviewed in any case. From that follow
//
//	strata ──Rate──► the rate of a defect among all sessions, with a 95 % interval
//	calls  ──Judge─► precision and recall of a rule against people's verdicts
//	ratings──Agree─► Cohen's κ between two raters, with a bootstrap interval
//	a rate ──Bounds, SampleFor──► can the error be bounded, and what sample would
//
// The package is pure: no clock, no storage, and randomness is given. It is not promised that people
// are right: precision and recall are against their verdicts, and how far these can be trusted is what
// the agreement says.
package estimate

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the confidence of every interval of this package.
const Level = 0.95

// Interval is a range of a proportion (0 to 1) or of κ (-1 to 1), ends included.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Width is how wide the interval is.
func (i Interval) Width() float64 { return i.High - i.Low }

// Covers reports whether a value lies in the interval.
func (i Interval) Covers(x float64) bool { return i.Low <= x && x <= i.High }

// Stratum is one lot, or the sessions of one that were reviewed in any case (then Reviewed is
// Population). Counts are of sessions: 0 ≤ Defective ≤ Reviewed ≤ Population.
type Stratum struct {
	Name       string `json:"name"`
	Population int    `json:"population"`
	Reviewed   int    `json:"reviewed"`
	Defective  int    `json:"defective"`
}

// Estimate is a proportion of a population with its interval.
type Estimate struct {
	Value    float64  `json:"value"`
	Interval Interval `json:"interval"`
	// Population counts what the estimate speaks of, Reviewed what was looked at, and Unseen the
	// population of strata of which nothing was: the estimate does not speak of them.
	Population int `json:"population"`
	Reviewed   int `json:"reviewed"`
	Unseen     int `json:"unseen"`
	// Effective is the size of a simple random sample that would tell as much.
	Effective float64 `json:"effective"`
}

// Exact is the interval of Clopper and Pearson (1934) for x successes of n. It takes fractions, as a
// weighted sample has them (Korn and Graubard, 1998). Nothing reviewed tells nothing: 0 to 1.
func Exact(x, n float64) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	tail := (1 - Level) / 2
	i := Interval{0, 1}
	if x > 0 {
		i.Low = distuv.Beta{Alpha: x, Beta: n - x + 1}.Quantile(tail)
	}
	if x < n {
		i.High = distuv.Beta{Alpha: x + 1, Beta: n - x}.Quantile(1 - tail)
	}
	return i
}

// Rate estimates the share of defective sessions among all of the strata: the stratified estimator,
// with the interval of Korn and Graubard (1998), which is that of Clopper and Pearson at the effective
// sample size. It is used instead of Wilson's because defects are rare: with 50 reviewed and 1 % true,
// Wilson's covers the truth in 91 % of draws.
//
// The strata reviewed in full are known, not estimated: the interval is that of the sampled part,
// carried over to the whole.
func Rate(strata []Stratum) Estimate {
	var (
		e       Estimate
		known   int // defective sessions of strata reviewed in full
		sampled []Stratum
		drawn   int // population of the sampled strata
	)
	for _, s := range strata {
		switch {
		case s.Population <= 0:
			continue
		case s.Reviewed <= 0:
			e.Unseen += s.Population
			continue
		case s.Reviewed >= s.Population:
			known += s.Defective
		default:
			sampled = append(sampled, s)
			drawn += s.Population
		}
		e.Population += s.Population
		e.Reviewed += s.Reviewed
	}
	if e.Population == 0 {
		e.Interval = Interval{0, 1}
		return e
	}
	whole := float64(e.Population)
	if drawn == 0 {
		e.Value = float64(known) / whole
		e.Interval = Interval{e.Value, e.Value}
		e.Effective = float64(e.Reviewed)
		return e
	}
	var p, variance, spread float64
	reviewed := 0
	for _, s := range sampled {
		weight := float64(s.Population) / float64(drawn)
		n := float64(s.Reviewed)
		q := float64(s.Defective) / n
		rest := 1 - n/float64(s.Population) // the finite population correction
		p += weight * q
		variance += weight * weight * rest * q * (1 - q) / math.Max(n-1, 1)
		spread += weight * weight * rest / n
		reviewed += s.Reviewed
	}
	// Kish's size is what the weights alone leave of the sample. The variance may tell of more, or of
	// less; more is not believed, because a stratum in which no defect was seen shows no variance.
	e.Effective = math.Min(1/spread, float64(drawn))
	if variance > 0 {
		e.Effective = math.Min(e.Effective, p*(1-p)/variance)
	}
	i := Exact(p*e.Effective, e.Effective)
	share := float64(drawn) / whole
	part := float64(known) / whole
	e.Value = part + share*p
	e.Interval = Interval{part + share*i.Low, part + share*i.High}
	return e
}

// ErrorLimit is the error of measurement that Spain's Ley 10/2025 admits, relative to the real value
// (arts 21 and 22: “no es superior al 5 por ciento con respecto a su valor real”).
const ErrorLimit = 0.05

// Bounds reports whether an estimate's error, relative to its value, is within limit: error is the
// farther end of the interval from the value, divided by the value. An estimate of 0 bounds nothing.
func Bounds(e Estimate, limit float64) (within bool, relative float64) {
	if e.Value <= 0 {
		return false, math.Inf(1)
	}
	relative = math.Max(e.Interval.High-e.Value, e.Value-e.Interval.Low) / e.Value
	return relative <= limit, relative
}

// SampleFor is the smallest simple random sample of a population that would bound the error at limit,
// relative to the rate, if the rate is what it seems. Nothing less than all will do for a rate of 0.
func SampleFor(rate float64, population int, limit float64) int {
	if population <= 0 {
		return 0
	}
	low, high := 1, population
	for low < high {
		n := (low + high) / 2
		if within(rate, n, population, limit) {
			high = n
		} else {
			low = n + 1
		}
	}
	return low
}

// within reports whether a sample of n would bound the error.
func within(rate float64, n, population int, limit float64) bool {
	if n >= population {
		return true
	}
	size := float64(n) / (1 - float64(n)/float64(population))
	ok, _ := Bounds(Estimate{Value: rate, Interval: Exact(rate*size, size)}, limit)
	return ok
}
