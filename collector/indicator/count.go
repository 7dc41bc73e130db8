package indicator

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// The periods of an indicator.
const (
	daily   = "day"
	monthly = "month" // from the month's first day on
)

// definition is how one indicator is counted.
type definition struct {
	name, period, unit string
	jurisdiction       string // of the sessions it counts; "" where it is any
	tally              func(context.Context, *warehouse.Store, warehouse.Days, policies.Millis) ([]warehouse.Tally, error)
	// choose says which numerator counts; nil: the first.
	choose   func(b *policies.Bundle, tenant, line string, at policies.Millis) int
	interval func(count) (low, high float64)
	// also is the same of something else that is held to the same; the worse of the two is judged.
	also *definition
}

// definitions are every indicator, and the one rule that is asked once for a tenant and day.
var definitions = []definition{
	{name: "i-breakpoint-rate", period: daily, unit: "sessions", interval: share, tally: anywhere((*warehouse.Store).Breakpoints)},
	{name: "i-second-inquiry-rate", period: daily, unit: "customers", interval: share, tally: anywhere((*warehouse.Store).SecondInquiries)},
	{name: "i-forced-human-rate", period: daily, unit: "sessions", interval: share, tally: anywhere((*warehouse.Store).ForcedHumans)},
	{name: "i-human-answer-rate", period: monthly, unit: "requests", jurisdiction: "CN", interval: share, tally: in("CN", (*warehouse.Store).HumanAnswers)},
	{name: "i-human-answer-time", period: monthly, unit: "requests", jurisdiction: "CN", interval: mean, tally: in("CN", (*warehouse.Store).AnswerTimes)},
	{name: "i-es-95-180", period: daily, unit: "requests", jurisdiction: "ES", interval: share, tally: until("ES", (*warehouse.Store).MetRequests),
		also: &definition{unit: "calls", tally: until("ES", (*warehouse.Store).MetCalls)}},
	{name: "i-es-error", period: monthly, unit: "reviews", jurisdiction: "ES", interval: sampled, tally: in("ES", (*warehouse.Store).SampledDefects)},
	{name: "i-label-coverage", period: daily, unit: "bot_texts", jurisdiction: "CN", interval: share, choose: labelled, tally: in("CN", (*warehouse.Store).LabelledTexts)},
	{name: "i-review-overdue", period: daily, unit: "reviews", interval: share,
		tally: func(ctx context.Context, s *warehouse.Store, d warehouse.Days, now policies.Millis) ([]warehouse.Tally, error) {
			return s.ReviewsInTime(ctx, d, now)
		}},
	{name: "cn-47746-no-threshold", period: daily, unit: "sessions", jurisdiction: "CN", interval: share, tally: in("CN", (*warehouse.Store).BotSessions)},
}

type tally = func(context.Context, *warehouse.Store, warehouse.Days, policies.Millis) ([]warehouse.Tally, error)

func anywhere(count func(*warehouse.Store, context.Context, warehouse.Days) ([]warehouse.Tally, error)) tally {
	return func(ctx context.Context, s *warehouse.Store, d warehouse.Days, _ policies.Millis) ([]warehouse.Tally, error) {
		return count(s, ctx, d)
	}
}

func in(country string, count func(*warehouse.Store, context.Context, warehouse.Days, string) ([]warehouse.Tally, error)) tally {
	return func(ctx context.Context, s *warehouse.Store, d warehouse.Days, _ policies.Millis) ([]warehouse.Tally, error) {
		return count(s, ctx, d, country)
	}
}

func until(country string, count func(*warehouse.Store, context.Context, warehouse.Days, string, policies.Millis) ([]warehouse.Tally, error)) tally {
	return func(ctx context.Context, s *warehouse.Store, d warehouse.Days, now policies.Millis) ([]warehouse.Tally, error) {
		return count(s, ctx, d, country, now)
	}
}

// labelled is how the label rules of a session count: every text by itself, or all of a session that has
// a label by one of its first texts.
func labelled(b *policies.Bundle, tenant, line string, at policies.Millis) int {
	if b.Parameter("cn", "label_scope", tenant, line, at) == "turn" {
		return 0
	}
	byText, _ := strconv.Atoi(b.Parameter("cn", "label_by_text", tenant, line, at)) // declared as 1 to 3
	return byText
}

// count is what an indicator came to on one day.
type count struct {
	line        string
	day         time.Time
	unit        string
	numerator   float64
	denominator int64
	squares     float64
	population  int64
	last        policies.Millis
}

func (c count) share() float64 { return c.numerator / float64(c.denominator) }

// of counts an indicator over a run of days.
func (d *definition) of(ctx context.Context, s *Service, days warehouse.Days, now policies.Millis) ([]count, error) {
	counts, err := d.counted(ctx, s, days, now)
	if err != nil || d.also == nil {
		return counts, err
	}
	other := *d
	other.unit, other.tally = d.also.unit, d.also.tally
	more, err := other.counted(ctx, s, days, now)
	if err != nil {
		return nil, err
	}
	return s.worse(days, append(counts, more...)), nil
}

func (d *definition) counted(ctx context.Context, s *Service, days warehouse.Days, now policies.Millis) ([]count, error) {
	over := days
	if d.period == monthly {
		over.First, over.Last = monthStart(days.First), monthEnd(days.Last)
	}
	tallies, err := d.tally(ctx, s.Record, over, now)
	if err != nil {
		return nil, err
	}
	var out []count
	for _, t := range tallies {
		c := count{
			line: t.BusinessLine, day: t.Day, unit: d.unit, numerator: t.Numerators[0], denominator: t.Denominator,
			squares: t.Squares, population: t.Population, last: t.Last,
		}
		if d.choose != nil {
			c.numerator = t.Numerators[d.choose(s.bundle, days.Tenant, t.BusinessLine, days.Begin(t.Day))]
		}
		out = append(out, c)
	}
	if d.period == monthly {
		out = cumulated(out)
		out = slices.DeleteFunc(out, func(c count) bool { return c.day.Before(days.First) })
	}
	return out, nil
}

// cumulated makes each day's count that of the month so far.
func cumulated(counts []count) []count {
	slices.SortStableFunc(counts, func(a, b count) int {
		return cmp.Or(cmp.Compare(a.line, b.line), a.day.Compare(b.day))
	})
	for i := 1; i < len(counts); i++ {
		c, before := &counts[i], counts[i-1]
		if c.line != before.line || !monthStart(c.day).Equal(monthStart(before.day)) {
			continue
		}
		c.numerator += before.numerator
		c.denominator += before.denominator
		c.squares += before.squares
		c.population += before.population
		c.last = max(c.last, before.last)
	}
	return counts
}

// worse leaves the worse share of a day's two counts, among those that are enough to be judged where any
// is. At equal shares the first stands.
func (s *Service) worse(days warehouse.Days, counts []count) []count {
	type place struct {
		line string
		day  time.Time
	}
	at := map[place]int{}
	var out []count
	for _, c := range counts {
		p := place{c.line, c.day}
		i, twice := at[p]
		if !twice {
			at[p] = len(out)
			out = append(out, c)
			continue
		}
		least, _ := strconv.ParseInt(s.bundle.Parameter("quality", "indicator_least", days.Tenant, c.line, days.Begin(c.day)), 10, 64)
		enough, other := c.denominator >= least, out[i].denominator >= least
		if enough && !other || enough == other && c.share() < out[i].share() {
			out[i] = c
		}
	}
	return out
}
