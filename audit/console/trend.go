package console

import (
	"net/url"
	"time"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// trend is the chart of a period: a column for each span of time, and the table behind it.
type trend struct {
	Columns []column
	Most    int64  // findings in the highest column, at least 1
	Step    string // key of the length of a span
	Open    bool   // the last span is not over yet
}

// column is one span of time. The drawing is 1000 wide and chartHeight high.
type column struct {
	warehouse.Span
	Until          policies.Millis
	X, Width       int
	Height         int // of all findings
	CriticalHeight int // of the critical ones, at the foot
	Now            bool
	Href           string // its findings
}

const (
	chartWidth  = 1000
	chartHeight = 100
	// mostColumns leaves a column on a phone five pixels.
	mostColumns = 60
	// ahead is how far into the future events may be dated (event model, version 1).
	ahead = 24 * time.Hour
	// longest is how far back a chart goes whose period has no beginning.
	longest = 30 * 24 * time.Hour
)

// steps are the lengths of a column, each a whole part of the next that people count in.
var steps = []struct {
	key    string
	length time.Duration
}{{"5m", 5 * time.Minute}, {"1h", time.Hour}, {"6h", 6 * time.Hour}, {"1d", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour}, {"28d", 28 * 24 * time.Hour}, {"364d", 364 * 24 * time.Hour}}

// span is the stretch of time that the chart of a period shows: from the beginning of a column, so
// that columns stand still while time goes on. It is empty where the period ends before 1970.
func (c *Console) span(f filter) (from, to policies.Millis, step int) {
	from, to = f.from, c.Now().Add(ahead).UnixMilli()
	if f.to != 0 {
		to = min(f.to, to)
	} else {
		to -= ahead.Milliseconds()
	}
	if from == 0 {
		from = to - longest.Milliseconds()
	}
	for step < len(steps)-1 && (to-from)/steps[step].length.Milliseconds() >= mostColumns {
		step++
	}
	length := steps[step].length.Milliseconds()
	_, offset := time.UnixMilli(from).In(c.zone).Zone()
	shift := int64(offset) * 1000
	return max(1, (from+shift)/length*length-shift), to, step
}

// chart draws what the record counted; nil where there is no time to draw.
func (c *Console) chart(spans []warehouse.Span, step int) *trend {
	if len(spans) == 0 {
		return nil
	}
	t := &trend{Most: 1, Step: steps[step].key}
	for _, s := range spans {
		t.Most = max(t.Most, s.Findings)
	}
	now := c.Now().UnixMilli()
	for i, s := range spans {
		until := s.At + steps[step].length.Milliseconds()
		left, right := i*chartWidth/len(spans), (i+1)*chartWidth/len(spans)
		k := column{
			Span: s, Until: until, X: left, Width: max(1, (right-left)*4/5), Now: until > now && s.At <= now,
			Height: high(s.Findings, t.Most), CriticalHeight: high(s.Critical, t.Most),
			Href: "/findings?" + url.Values{"from": {c.clock(s.At, time.RFC3339)}, "to": {c.clock(until, time.RFC3339)}}.Encode(),
		}
		t.Columns = append(t.Columns, k)
		t.Open = t.Open || k.Now
	}
	return t
}

// high is a number's height; one that is not nothing can be seen.
func high(n, most int64) int {
	if n == 0 {
		return 0
	}
	return max(1, int(n*chartHeight/most))
}

// Top is where the column begins, counted from above as drawings are.
func (k column) Top() int { return chartHeight - k.Height }

// CriticalTop is where the critical part begins.
func (k column) CriticalTop() int { return chartHeight - k.CriticalHeight }

// First, Middle and Last are the columns that are named below the chart.
func (t trend) First() column { return t.Columns[0] }

// Middle is the column in the middle.
func (t trend) Middle() column { return t.Columns[len(t.Columns)/2] }

// Last is the newest column.
func (t trend) Last() column { return t.Columns[len(t.Columns)-1] }
