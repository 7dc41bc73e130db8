package indicator

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// confidence is that of every interval.
const confidence = 0.95

const tail = (1 - confidence) / 2

// share is the interval of a proportion (Clopper and Pearson, 1934): all of a day was counted, and the
// interval tells how far chance alone moves such a share from day to day.
func share(c count) (low, high float64) { return exact(c.numerator, float64(c.denominator)) }

func exact(x, n float64) (low, high float64) {
	high = 1
	if n <= 0 {
		return 0, 1
	}
	if x > 0 {
		low = distuv.Beta{Alpha: x, Beta: n - x + 1}.Quantile(tail)
	}
	if x < n {
		high = distuv.Beta{Alpha: x + 1, Beta: n - x}.Quantile(1 - tail)
	}
	return low, high
}

// sampled is the interval of a proportion of a population of which a sample was looked at: that of Clopper and
// Pearson at the size that the finite population correction gives. Of a population that was looked at as a
// whole the share is known.
func sampled(c count) (low, high float64) {
	if c.denominator == 0 {
		return 0, 1
	}
	if c.denominator >= c.population {
		return c.share(), c.share()
	}
	size := float64(c.denominator) / (1 - float64(c.denominator)/float64(c.population))
	return exact(c.share()*size, size)
}

// mean is Student's interval of a mean. One value bounds nothing above.
func mean(c count) (low, high float64) {
	n := float64(c.denominator)
	if n < 2 {
		return 0, math.Inf(1)
	}
	m := c.numerator / n
	variance := max(0, (c.squares-n*m*m)/(n-1))
	reach := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(1-tail) * math.Sqrt(variance/n)
	return max(0, m-reach), m + reach
}

// rounded is a number as it is shown: to six decimals.
func rounded(x float64) float64 {
	if math.IsInf(x, 0) {
		return x
	}
	return math.Round(x*1e6) / 1e6
}
