package console

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// periods are the spans that people ask for, up to now; "all" has no beginning.
var (
	periods = []string{"1h", "24h", "7d", "all"}
	spans   = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "all": 0}
)

// severities in the order in which people look at them.
var severities = []string{"critical", "high", "medium", "low"}

// statuses from the law to one's own wishes.
var statuses = []string{"statute", "policy", "standard", "benchmark", "quality", "promise", "draft"}

// filter is what the address of a list says. What was typed is kept as it was, right or wrong.
type filter struct {
	Period        string
	From, To      string // RFC 3339, or a moment in the tenant's zone as a browser's field gives it
	Rules         []string
	Severities    []string
	Statuses      []string
	Channels      []string
	BusinessLines []string
	Session       string
	Cursor        string
	Faults        map[string]string // what was asked for and is not there, by field: from, to, rule, severity, status

	from, to policies.Millis
}

// readFilter reads the address; period is what holds where it names none.
func (c *Console) readFilter(r *http.Request, period string) filter {
	q := r.URL.Query()
	// A dashboard's link gives its variables as Grafana writes them: var-channel=app, or $__all.
	some := func(name string) []string {
		return slices.DeleteFunc(slices.Concat(q[name], q["var-"+name]), func(s string) bool { return s == "" || s == "$__all" })
	}
	f := filter{
		Period: q.Get("period"), From: q.Get("from"), To: q.Get("to"), Rules: some("rule"), Severities: some("severity"), Statuses: some("status"),
		Channels: some("channel"), BusinessLines: some("business_line"), Session: q.Get("session"), Cursor: q.Get("cursor"), Faults: map[string]string{},
	}
	for _, field := range []struct {
		name, text string
		into       *policies.Millis
	}{{"from", f.From, &f.from}, {"to", f.To, &f.to}} {
		if field.text == "" {
			continue
		}
		t, ok := c.moment(field.text)
		if !ok {
			f.Faults[field.name] = field.text
			continue
		}
		*field.into = t.UnixMilli()
	}
	if f.from != 0 && f.to != 0 && f.to <= f.from {
		f.Faults["to"], f.to = f.To, 0
	}
	unknown := func(field string, asked, there []string) {
		for _, v := range asked {
			if !slices.Contains(there, v) {
				f.Faults[field] = v
			}
		}
	}
	unknown("rule", f.Rules, c.ruleIDs())
	unknown("severity", f.Severities, severities)
	unknown("status", f.Statuses, statuses)
	if f.from != 0 || f.to != 0 {
		f.Period = "custom"
		return f
	}
	if _, ok := spans[f.Period]; !ok {
		f.Period = period
	}
	if span := spans[f.Period]; span > 0 {
		f.from = c.Now().Add(-span).UnixMilli()
	}
	return f
}

// moment reads a time as a browser's datetime-local field gives it, or RFC 3339.
func (c *Console) moment(s string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, c.zone); err == nil {
			return t, true
		}
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

// field is a time as a browser's datetime-local field takes it; what is no time stays as it was typed.
func (c *Console) field(typed string) string {
	if t, ok := c.moment(typed); ok {
		return t.In(c.zone).Format("2006-01-02T15:04:05")
	}
	return typed
}

// query is the filter as the record takes it.
func (f filter) query(limit int) warehouse.FindingQuery {
	return warehouse.FindingQuery{
		From: f.from, To: f.to, Rules: f.Rules, Severities: f.Severities, Statuses: f.Statuses,
		Channels: f.Channels, BusinessLines: f.BusinessLines, Session: f.Session, Limit: limit, Cursor: f.Cursor,
	}
}

// values is the address that says the same, without the place in the list.
func (f filter) values() url.Values {
	q := url.Values{}
	set := func(name string, values ...string) {
		for _, v := range values {
			if v != "" {
				q.Add(name, v)
			}
		}
	}
	if f.Period != "custom" {
		set("period", f.Period)
	}
	set("from", f.From)
	set("to", f.To)
	set("rule", f.Rules...)
	set("severity", f.Severities...)
	set("status", f.Statuses...)
	set("channel", f.Channels...)
	set("business_line", f.BusinessLines...)
	set("session", f.Session)
	return q
}

// with is the address of the same filter with one field changed.
func (f filter) with(path, name, value string) string {
	q := f.values()
	q.Set(name, value)
	return path + "?" + q.Encode()
}

// narrowed reports whether something beside the period is filtered.
func (f filter) narrowed() bool {
	return len(f.Rules)+len(f.Severities)+len(f.Statuses)+len(f.Channels)+len(f.BusinessLines) > 0 || f.Session != ""
}

// Unknown reports whether the filter asks for something that there is not, so that finding nothing
// says nothing.
func (f filter) Unknown() bool { return f.Faults["rule"]+f.Faults["severity"]+f.Faults["status"] != "" }

// choice is one entry of a select.
type choice struct {
	Value  string
	Chosen bool
}

// choices are the values to choose from; chosen ones that no longer exist stay visible.
func choices(all, chosen []string) []choice {
	out := make([]choice, 0, len(all))
	for _, v := range all {
		if v != "" { // the empty value means all
			out = append(out, choice{v, slices.Contains(chosen, v)})
		}
	}
	for _, v := range chosen {
		if v != "" && !slices.Contains(all, v) {
			out = append(out, choice{v, true})
		}
	}
	return out
}

// inWords says the period.
func (c *Console) inWords(l *language, f filter) string {
	const minute = "2006-01-02 15:04"
	switch {
	case f.Period != "custom":
		return l.text("period." + f.Period)
	case f.from == 0:
		return l.text("period.until", c.clock(f.to, minute))
	case f.to == 0:
		return l.text("period.since", c.clock(f.from, minute))
	}
	return l.text("period.between", c.clock(f.from, minute), c.clock(f.to, minute))
}
