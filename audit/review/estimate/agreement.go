package estimate

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Rating is what two raters said of the same thing: two inspectors of a criterion, or an inspector
// and a rule of a session. Values are categories ("pass", "fail", "na"); they are only compared.
type Rating struct {
	First, Second string
}

// Agreement is how far two raters agree beyond chance.
type Agreement struct {
	N        int      `json:"n"`
	Observed float64  `json:"observed"` // share of ratings that are the same, 0 to 1
	Kappa    float64  `json:"kappa"`    // Cohen (1960); see Defined
	Interval Interval `json:"interval"` // 95 %, by bootstrap over the ratings
	// Defined is false where κ says nothing: no ratings, or all in one category by both, when
	// agreement by chance alone is complete. Kappa and Interval are then 0.
	Defined bool `json:"defined"`
}

// resamples is the number of bootstrap samples: enough for percentile intervals (Efron and
// Tibshirani, 1993, chapter 13, ask for about 1,000).
const resamples = 1000

// Agree computes Cohen's κ of the ratings. random must be seeded by what is being reported (a
// period's number, say), so that the same report shows the same interval.
func Agree(ratings []Rating, random *rand.Rand) Agreement {
	index, cells := map[string]int{}, map[[2]int]int{}
	var order [][2]int // of the cells, so that the same ratings always draw the same
	for _, r := range ratings {
		var cell [2]int
		for j, category := range [2]string{r.First, r.Second} {
			if _, ok := index[category]; !ok {
				index[category] = len(index)
			}
			cell[j] = index[category]
		}
		if cells[cell] == 0 {
			order = append(order, cell)
		}
		cells[cell]++
	}
	counts := make([]int, len(order))
	for i, cell := range order {
		counts[i] = cells[cell]
	}
	a := Agreement{N: len(ratings)}
	a.Observed, a.Kappa, a.Defined = kappa(order, counts, len(index))
	if !a.Defined {
		return a
	}
	values := make([]float64, resamples)
	sample := make([]int, len(counts))
	for i := range values {
		resample(sample, counts, a.N, random)
		// A sample in which κ says nothing is one in which both always agreed.
		_, k, defined := kappa(order, sample, len(index))
		if !defined {
			k = 1
		}
		values[i] = k
	}
	slices.Sort(values)
	tail := (1 - Level) / 2
	a.Interval = Interval{quantile(values, tail), quantile(values, 1-tail)}
	return a
}

// resample draws n ratings with replacement. Only how many fall into each cell matters, so that they
// are drawn cell by cell, which takes as long for ten thousand ratings as for ten.
func resample(sample, counts []int, n int, random *rand.Rand) {
	left, rest := n, n // to draw, and ratings in the cells that are left
	for i, count := range counts {
		switch {
		case left == 0:
			sample[i] = 0
		case count == rest:
			sample[i] = left
		default:
			sample[i] = int(distuv.Binomial{N: float64(left), P: float64(count) / float64(rest), Src: random}.Rand())
		}
		left, rest = left-sample[i], rest-count
	}
}

// kappa is of cells, each a pair of categories with how often it was rated so.
func kappa(cells [][2]int, counts []int, categories int) (observed, k float64, defined bool) {
	first, second := make([]float64, categories), make([]float64, categories)
	var n, same float64
	for i, c := range cells {
		count := float64(counts[i])
		first[c[0]] += count
		second[c[1]] += count
		n += count
		if c[0] == c[1] {
			same += count
		}
	}
	if n == 0 {
		return 0, 0, false
	}
	observed = same / n
	var chance float64
	for i := range categories {
		chance += first[i] / n * second[i] / n
	}
	if chance >= 1 {
		return observed, 0, false
	}
	return observed, (observed - chance) / (1 - chance), true
}

// quantile of sorted values, by the nearest rank.
func quantile(sorted []float64, q float64) float64 {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// Call is what a rule said of one reviewed session, what the inspector said, and how many sessions
// of the population the session stands for (1 if it was reviewed in any case, N ÷ n if drawn).
type Call struct {
	Found  bool // the rule found something
	Wrong  bool // the inspector says that there is something to find: upheld, or missed by the rule
	Weight float64
}

// Quality is how a rule does against people's verdicts.
type Quality struct {
	Precision Estimate `json:"precision"` // share of what it found that people upheld
	Recall    Estimate `json:"recall"`    // share of what people found that it found
}

// Judge weighs calls by what they stand for. Where the rule found nothing, or people did not, the
// estimate is of nothing: Reviewed is 0 and the interval 0 to 1.
func Judge(calls []Call) Quality {
	var q Quality
	q.Precision = share(calls, func(c Call) bool { return c.Found }, func(c Call) bool { return c.Wrong })
	q.Recall = share(calls, func(c Call) bool { return c.Wrong }, func(c Call) bool { return c.Found })
	return q
}

// share estimates among the calls that are of the kind how many hit, at Kish's effective size.
func share(calls []Call, of, hit func(Call) bool) Estimate {
	var e Estimate
	var sum, squares, hits float64
	for _, c := range calls {
		if !of(c) || c.Weight <= 0 {
			continue
		}
		e.Reviewed++
		sum += c.Weight
		squares += c.Weight * c.Weight
		if hit(c) {
			hits += c.Weight
		}
	}
	if e.Reviewed == 0 {
		e.Interval = Interval{0, 1}
		return e
	}
	e.Population = int(math.Round(sum))
	e.Value = hits / sum
	e.Effective = sum * sum / squares
	e.Interval = Exact(e.Value*e.Effective, e.Effective)
	return e
}
