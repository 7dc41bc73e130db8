package console

import (
	"cmp"
	"context"
	"errors"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/audit/review/estimate"
)

// teamBody is the supervisor's page: are we in time, do we agree, and what does it say of all sessions.
type teamBody struct {
	Periods   []periodLink
	Period    string
	Said      string
	Backlog   review.Backlog
	Ages      []bar
	Kinds     []bar
	Waiting   []taskRow
	Open      int // open and claimed
	Forecast  review.Forecast
	Days      []dayColumn
	MostDay   int64
	People    []personRow
	Report    review.Report
	Defects   []defectRow
	Strata    []stratumRow
	MoreOf    int // strata that are not shown
	Rules     []ruleRow
	Agree     []agreeGroup
	LotCounts []bar
	Lots      []review.DrawnLot
	MoreLots  int
	Sets      []setRow
	Pairs     map[string]int
	Max       int
	SetForm   typed  // a calibration that was sent and not taken
	SetFault  string // why: input, conflict
}

// bar is one line of a bar chart.
type bar struct {
	Key   string
	N     int
	Width int // 0–100
}

// barChart is bars with where the words of their keys are found.
type barChart struct {
	Prefix string
	Bars   []bar
}

// dayColumn is one day of the chart of verdicts.
type dayColumn struct {
	Day             string
	N, Late         int64
	X, Width        int
	Height, LateTop int
}

// Top is where a column begins, counted from above.
func (d dayColumn) Top() int { return chartHeight - d.Height }

// personRow is one inspector across the days.
type personRow struct {
	Inspector string
	Days      []int
	N, Late   int
	Minutes   string // median from claim to verdict
	Held      int
}

// interval is an estimate drawn as a point on a line. The drawing is intervalWidth wide.
type interval struct{ From, To, At, Zero int }

const intervalWidth = 200

// place puts an estimate in a drawing that reaches from low to high.
func place(i estimate.Interval, value, low, high float64) interval {
	x := func(v float64) int {
		return int(math.Round((min(max(v, low), high) - low) / (high - low) * intervalWidth))
	}
	return interval{x(i.Low), x(i.High), x(value), x(0)}
}

// Width of the line, at least a pixel.
func (i interval) Width() int { return max(1, i.To-i.From) }

type defectRow struct {
	review.Defect
	Title template.HTML
	Rate  string
	Span  string
	Draw  interval
	Error string // relative, per cent; "" where it cannot be told
}

type stratumRow struct {
	Name  []template.HTML
	Cells []string
}

type ruleRow struct {
	ID                string
	Precision, Recall figure
}

// figure is an estimate in words with its drawing; N 0 says nothing.
type figure struct {
	N           int
	Value, Span string
	Draw        interval
}

type agreeGroup struct {
	Key    string // comparison
	All    *agreeRow
	Items  []agreeRow
	People []agreeRow
}

type agreeRow struct {
	review.AgreementRow
	Title    template.HTML
	Kappa    string
	Span     string
	Observed string
	Draw     interval
}

type setRow struct {
	review.Set
	People []setPerson
}

type setPerson struct {
	Inspector              string
	Given, Answered, Rated int
	Agreed                 int
	Share                  string
}

// How much of a list the page shows; the API has all.
const (
	waitingLength = 25
	strataLength  = 30
	lotsLength    = 30
	daysLength    = 14
	widest        = 90 // of a day's column, so that one day alone does not fill the chart
)

// teamPeriods are the spans that supervisors look back on.
var teamPeriods = []string{"24h", "7d", "all"}

// teamSpan is the period of the page: from the beginning of a day, so that the same day shows the
// same numbers.
func (c *Console) teamSpan(key string) (from, to time.Time) {
	to = c.Now()
	span, ok := spans[key]
	if !ok || span == 0 {
		return time.UnixMilli(0), to
	}
	local := to.Add(-span).In(c.zone)
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, c.zone), to
}

func (c *Console) team(w http.ResponseWriter, r *http.Request) {
	c.showTeam(w, r, http.StatusOK, nil, "")
}

// calibrate makes a calibration set of final reviews.
func (c *Console) calibrate(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/reviews/team"})
		return
	}
	form := typed{}
	for name, values := range r.PostForm {
		form[name] = values[0]
	}
	apart := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",，、;；", r) }
	_, err := c.Reviews.Calibrate(r.Context(), review.NewSet{
		Name: strings.TrimSpace(form["name"]), Tasks: strings.FieldsFunc(form["tasks"], apart), Inspectors: strings.FieldsFunc(form["inspectors"], apart),
	})
	var faults review.Faults
	var conflict *review.Conflict
	switch {
	case errors.As(err, &faults):
		c.showTeam(w, r, http.StatusUnprocessableEntity, form, "input")
	case errors.As(err, &conflict):
		c.showTeam(w, r, http.StatusConflict, form, "conflict")
	case err != nil:
		c.trouble(w, r, err)
	default:
		http.Redirect(w, r, "/reviews/team#sets", http.StatusSeeOther)
	}
}

func (c *Console) showTeam(w http.ResponseWriter, r *http.Request, status int, form typed, fault string) {
	l, period := c.language(w, r), r.URL.Query().Get("period")
	if !slices.Contains(teamPeriods, period) {
		period = "7d"
	}
	who, _ := identity.From(r.Context())
	from, to := c.teamSpan(period)
	b := teamBody{Period: period, SetForm: form, SetFault: fault, Max: review.MaxWords, Pairs: map[string]int{}}
	if r.URL.Query().Get("said") == "moved" {
		b.Said = "moved"
	}
	var (
		waiting review.Page
		done    []review.Throughput
		sets    []review.Set
		pairs   []review.Agreement
	)
	err := together(r.Context(),
		func(ctx context.Context) (err error) { b.Backlog, err = c.Reviews.Backlog(ctx, ""); return },
		func(ctx context.Context) (err error) { b.Forecast, err = c.Reviews.Forecast(ctx, ""); return },
		func(ctx context.Context) (err error) {
			done, err = c.Reviews.Throughput(ctx, "", from, to.Add(time.Millisecond), c.zone)
			return
		},
		func(ctx context.Context) (err error) {
			b.Report, err = c.Reviews.Report(ctx, "", from, to.Add(time.Millisecond))
			return
		},
		func(ctx context.Context) (err error) { sets, err = c.Reviews.Sets(ctx, ""); return },
		func(ctx context.Context) (err error) {
			pairs, err = c.Reviews.Agreements(ctx, "", from, to.Add(time.Millisecond))
			return
		},
		func(ctx context.Context) (err error) {
			waiting, err = c.Reviews.List(ctx, review.Query{States: shows[0].states, ByDue: true, Limit: waitingLength})
			return
		},
	)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	for _, p := range teamPeriods {
		b.Periods = append(b.Periods, periodLink{p, "/reviews/team?" + url.Values{"period": {p}}.Encode(), p == period})
	}
	for _, t := range waiting.Items {
		b.Waiting = append(b.Waiting, c.taskRow(l, who.ID, t))
	}
	for _, p := range pairs {
		b.Pairs[p.State]++
	}
	b.Ages = bars([]string{"overdue", "8h", "24h", "48h"}, b.Backlog.Ages)
	b.Kinds = bars(nil, b.Backlog.Kinds)
	for _, a := range b.Backlog.Ages {
		b.Open += a.N
	}
	b.throughput(l, done, b.Backlog.Held)
	c.estimates(l, &b)
	for _, s := range sets {
		b.Sets = append(b.Sets, calibration(l, s))
	}
	c.respond(w, r, status, view{Page: "team", Title: l.text("team.title"), Body: b})
}

// bars draws counts in an order; where none is given, the most first.
func bars(order []string, counts []review.Count) (out []bar) {
	most := 1
	for _, k := range counts {
		most = max(most, k.N)
		out = append(out, bar{Key: k.Name, N: k.N})
	}
	for i := range out {
		out[i].Width = 100 * out[i].N / most
	}
	slices.SortStableFunc(out, func(a, z bar) int {
		if order != nil {
			return slices.Index(order, a.Key) - slices.Index(order, z.Key)
		}
		return cmp.Or(z.N-a.N, cmp.Compare(a.Key, z.Key))
	})
	return out
}

// throughput lays verdicts out by day, and by inspector across the newest days.
func (b *teamBody) throughput(l *language, done []review.Throughput, held []review.Count) {
	var days []string
	if len(done) > 0 { // in the order of days; those without a verdict are days too
		first, _ := time.Parse(time.DateOnly, done[0].Day)
		last, _ := time.Parse(time.DateOnly, done[len(done)-1].Day)
		if earliest := last.AddDate(0, 0, 1-daysLength); first.Before(earliest) {
			first = earliest
		}
		for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
			days = append(days, day.Format(time.DateOnly))
			b.Days = append(b.Days, dayColumn{Day: day.Format(time.DateOnly)})
		}
	}
	people, minutes := map[string]*personRow{}, map[string][]float64{}
	for _, d := range done {
		at := slices.Index(days, d.Day)
		if at < 0 {
			continue
		}
		p := people[d.Inspector]
		if p == nil {
			p = &personRow{Inspector: d.Inspector, Days: make([]int, len(days))}
			people[d.Inspector] = p
		}
		p.Days[at] += d.Submitted
		p.N, p.Late = p.N+d.Submitted, p.Late+d.Late
		b.Days[at].N, b.Days[at].Late = b.Days[at].N+int64(d.Submitted), b.Days[at].Late+int64(d.Late)
		for range d.Submitted { // a day's median stands for each of its verdicts
			minutes[d.Inspector] = append(minutes[d.Inspector], d.MedianMinutes)
		}
	}
	b.MostDay = 1
	for _, d := range b.Days {
		b.MostDay = max(b.MostDay, d.N)
	}
	for i := range b.Days {
		d := &b.Days[i]
		left, right := i*chartWidth/len(b.Days), (i+1)*chartWidth/len(b.Days)
		d.X, d.Width = left, min((right-left)*4/5, widest)
		d.Height, d.LateTop = high(d.N, b.MostDay), chartHeight-high(d.Late, b.MostDay)
	}
	for name, p := range people {
		list := minutes[name]
		slices.Sort(list)
		p.Minutes = l.numbers.Sprintf("%.1f", list[len(list)/2])
		b.People = append(b.People, *p)
	}
	for _, h := range held {
		if i := slices.IndexFunc(b.People, func(p personRow) bool { return p.Inspector == h.Name }); i >= 0 {
			b.People[i].Held = h.N
		} else {
			b.People = append(b.People, personRow{Inspector: h.Name, Held: h.N, Days: make([]int, len(days)), Minutes: "–"})
		}
	}
	slices.SortFunc(b.People, func(a, z personRow) int { return cmp.Compare(a.Inspector, z.Inspector) })
}

// percent writes a share.
func (l *language) percent(share float64) string { return l.numbers.Sprintf("%.1f", 100*share) + "%" }

// interval writes a range of shares.
func (l *language) interval(i estimate.Interval) string {
	return l.numbers.Sprintf("%.1f", 100*i.Low) + "–" + l.percent(i.High)
}

func (l *language) figure(e estimate.Estimate) figure {
	return figure{e.Reviewed, l.percent(e.Value), l.interval(e.Interval), place(e.Interval, e.Value, 0, 1)}
}

// estimates puts the report into words and drawings.
func (c *Console) estimates(l *language, b *teamBody) {
	titles := c.criterionTitles(l)
	title := func(item string) template.HTML {
		if text, ok := l.known("team.defect." + item); ok {
			return escaped(text)
		}
		if text, ok := titles[item]; ok {
			return escaped(text)
		}
		return l.data(item)
	}
	reach := 0.01 // of the drawing: to the farthest interval, so that rare defects can be told apart
	for _, d := range b.Report.Defects {
		if d.Overall.Reviewed > 0 {
			reach = max(reach, d.Overall.Interval.High)
		}
	}
	for _, d := range b.Report.Defects {
		row := defectRow{Defect: d, Title: title(d.Item), Rate: l.percent(d.Overall.Value), Span: l.interval(d.Overall.Interval), Draw: place(d.Overall.Interval, d.Overall.Value, 0, reach)}
		if d.Bound.Relative != nil {
			row.Error = l.percent(*d.Bound.Relative)
		}
		b.Defects = append(b.Defects, row)
	}
	if len(b.Report.Defects) > 0 {
		first := b.Report.Defects[0].Strata
		order := make([]int, len(first))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, z int) int { return cmp.Compare(first[z].Rate.Value, first[a].Rate.Value) })
		for at, i := range order {
			if at >= strataLength {
				b.MoreOf++
				continue
			}
			s := first[i]
			row := stratumRow{Name: []template.HTML{l.data(s.BusinessLine), l.named("channel.", s.Channel), l.data(s.BotVersion)}}
			if s.Tenant != defaultTenant {
				row.Name = append([]template.HTML{l.data(s.Tenant)}, row.Name...)
			}
			for _, d := range b.Report.Defects {
				cell := "–"
				if e := d.Strata[i].Rate; e.Reviewed > 0 {
					cell = l.percent(e.Value) + " (" + l.interval(e.Interval) + ")"
				}
				row.Cells = append(row.Cells, cell)
			}
			b.Strata = append(b.Strata, row)
		}
	}
	for _, q := range b.Report.Rules {
		b.Rules = append(b.Rules, ruleRow{q.Rule, l.figure(q.Precision), l.figure(q.Recall)})
	}
	for _, a := range b.Report.Agreements {
		if len(b.Agree) == 0 || b.Agree[len(b.Agree)-1].Key != string(a.Comparison) {
			b.Agree = append(b.Agree, agreeGroup{Key: string(a.Comparison)})
		}
		g := &b.Agree[len(b.Agree)-1]
		row := agreeRow{
			AgreementRow: a, Kappa: l.numbers.Sprintf("%.2f", a.Kappa), Observed: l.percent(a.Observed), Draw: place(a.Interval, a.Kappa, -1, 1),
			Span: l.numbers.Sprintf("%.2f", a.Interval.Low) + " – " + l.numbers.Sprintf("%.2f", a.Interval.High),
		}
		switch a.By {
		case "all":
			g.All = &row
		case "criterion":
			row.Title = title(a.Item)
			g.Items = append(g.Items, row)
		default:
			row.Title = l.data(a.Item)
			g.People = append(g.People, row)
		}
	}
	counts := map[string]int{"accepted": 0, "rejected": 0, "open": 0, "none": 0}
	for _, lot := range b.Report.Lots {
		counts[lot.Outcome]++
	}
	for name, n := range counts {
		b.LotCounts = append(b.LotCounts, bar{Key: name, N: n})
	}
	slices.SortFunc(b.LotCounts, func(a, z bar) int {
		order := []string{"accepted", "rejected", "open", "none"}
		return slices.Index(order, a.Key) - slices.Index(order, z.Key)
	})
	b.Lots = b.Report.Lots[:min(len(b.Report.Lots), lotsLength)]
	b.MoreLots = len(b.Report.Lots) - len(b.Lots)
}

// criterionTitles are the titles of the criteria of the cards in use, by id.
func (c *Console) criterionTitles(l *language) map[string]string {
	out := map[string]string{}
	for _, card := range c.Reviews.Cards() {
		for _, k := range card.Criteria {
			out[k.ID] = k.Title.In(l.tag)
		}
	}
	return out
}

func calibration(l *language, s review.Set) setRow {
	row := setRow{Set: s}
	for _, r := range s.Results {
		p := setPerson{Inspector: r.Inspector, Given: r.Given, Answered: r.Answered, Share: "–"}
		for _, m := range r.Items {
			p.Rated, p.Agreed = p.Rated+m.Rated, p.Agreed+m.Agreed
		}
		if p.Rated > 0 {
			p.Share = l.percent(float64(p.Agreed) / float64(p.Rated))
		}
		row.People = append(row.People, p)
	}
	return row
}

// Short is the day without its year.
func (d dayColumn) Short() string { return d.Day[len("2006-"):] }
