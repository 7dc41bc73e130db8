package policies

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"
)

const calendarsFile = "calendars.yaml"

// calendars are the working calendars that deadlines in working days and hours are counted by.
type calendars struct {
	byName map[string]*Calendar
	// usual names the calendar of a jurisdiction, "" that of all others.
	usual map[string]string
}

// Calendar says when an organisation works. It is read from calendars.yaml.
type Calendar struct {
	Name string
	Zone *time.Location

	periods  [7][]period     // by weekday, Sunday first
	off, on  map[string]bool // days (YYYY-MM-DD) that are free, or worked, whatever their weekday
	lastYear int             // the last year of which the free days are known
}

// period is a stretch of a working day, from its start to before its end, since midnight.
type period struct{ from, until time.Duration }

// calendarFile is the shape of calendars.yaml.
type calendarFile struct {
	Usual     map[string]positioned[string] `yaml:"usual"`
	Calendars map[string]struct {
		Zone    positioned[string]              `yaml:"zone"`
		Hours   map[string][]positioned[string] `yaml:"hours"`
		Off     []positioned[string]            `yaml:"off"`
		On      []positioned[string]            `yaml:"on"`
		Through int                             `yaml:"through"`
	} `yaml:"calendars"`
}

var weekdays = map[string]time.Weekday{
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
	"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
}

func loadCalendars(fsys fs.FS) (calendars, error) {
	var f calendarFile
	if err := readYAML(fsys, calendarsFile, &f); err != nil {
		return calendars{}, err
	}
	out := calendars{byName: map[string]*Calendar{}, usual: map[string]string{}}
	var faults []error
	fault := func(line int, format string, args ...any) {
		faults = append(faults, faultf(calendarsFile, line, format, args...))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Calendars)) {
		in := f.Calendars[name]
		c := &Calendar{Name: name, off: map[string]bool{}, on: map[string]bool{}, lastYear: in.Through}
		var err error
		if c.Zone, err = time.LoadLocation(in.Zone.value); err != nil || in.Zone.value == "" {
			fault(in.Zone.line, "%s: zone %q is none that is known; write one such as Asia/Shanghai", name, in.Zone.value)
		}
		for _, day := range slices.Sorted(maps.Keys(in.Hours)) {
			weekday, ok := weekdays[day]
			for _, p := range in.Hours[day] {
				from, until, err := parsePeriod(p.value)
				if !ok || err != nil {
					fault(p.line, "%s: %s: %q: want a weekday (monday) and periods such as 09:00-12:00", name, day, p.value)
				}
				c.periods[weekday] = append(c.periods[weekday], period{from, until})
			}
			slices.SortFunc(c.periods[weekday], func(a, b period) int { return int(a.from - b.from) })
		}
		for into, days := range map[*map[string]bool][]positioned[string]{&c.off: in.Off, &c.on: in.On} {
			for _, d := range days {
				if _, err := time.Parse(time.DateOnly, d.value); err != nil {
					fault(d.line, "%s: %q is not a day (YYYY-MM-DD)", name, d.value)
				}
				(*into)[d.value] = true
			}
		}
		if !slices.ContainsFunc(c.periods[:], func(p []period) bool { return len(p) > 0 }) {
			fault(in.Zone.line, "%s: no hours: nothing would ever fall due", name)
		}
		out.byName[name] = c
	}
	for code, name := range f.Usual {
		if out.byName[name.value] == nil {
			fault(name.line, "usual calendar of %q is %q, which is not there", code, name.value)
		}
		if code == "default" {
			code = ""
		}
		out.usual[code] = name.value
	}
	if out.usual[""] == "" {
		fault(0, "usual: names no default")
	}
	return out, errors.Join(faults...)
}

func parsePeriod(s string) (from, until time.Duration, err error) {
	a, b, ok := strings.Cut(s, "-")
	clock := func(s string) time.Duration {
		if s == "24:00" {
			return 24 * time.Hour
		}
		t, e := time.Parse("15:04", s)
		err = errors.Join(err, e)
		return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	}
	from, until = clock(a), clock(b)
	if !ok || err != nil || from >= until {
		return 0, 0, fmt.Errorf("%q is not a period", s)
	}
	return from, until, nil
}

// of is the name of the calendar for a jurisdiction.
func (c calendars) of(jurisdiction string) string {
	code := strings.ToUpper(strings.TrimSpace(jurisdiction))
	for _, try := range []string{code, strings.SplitN(code, "-", 2)[0]} {
		if name, ok := c.usual[try]; ok {
			return name
		}
	}
	return c.usual[""]
}

// working are the periods of a day.
func (c *Calendar) working(day time.Time) []period {
	date := day.Format(time.DateOnly)
	switch {
	case c.off[date]:
		return nil
	case c.on[date] && len(c.periods[day.Weekday()]) == 0:
		return c.periods[time.Monday] // a day worked in place of another has a working day's hours
	}
	return c.periods[day.Weekday()]
}

// Working reports whether a moment lies in working hours.
func (c *Calendar) Working(at time.Time) bool {
	day, since := c.split(at)
	return slices.ContainsFunc(c.working(day), func(p period) bool { return p.from <= since && since < p.until })
}

// EndOfDay is when work ends on the working day that a moment falls on, or on the next one where it
// falls on none or after work.
func (c *Calendar) EndOfDay(at time.Time) time.Time {
	day, since := c.split(at)
	for ; ; day, since = day.AddDate(0, 0, 1), 0 {
		if p := c.working(day); len(p) > 0 && since < p[len(p)-1].until {
			return clock(day, p[len(p)-1].until)
		}
	}
}

// DaysAfter is the end (midnight) of the n-th working day after the day of a moment: a deadline of n
// working days is met until then. The day itself does not count (Civil Code, art. 201).
func (c *Calendar) DaysAfter(at time.Time, n int) time.Time {
	day, _ := c.split(at)
	for n > 0 {
		day = day.AddDate(0, 0, 1)
		if len(c.working(day)) > 0 {
			n--
		}
	}
	return day.AddDate(0, 0, 1)
}

// split is a moment's day (its midnight in the zone) and the time on the clock since.
func (c *Calendar) split(at time.Time) (day time.Time, since time.Duration) {
	at = at.In(c.Zone)
	day = time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, c.Zone)
	h, m, s := at.Clock()
	return day, time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(at.Nanosecond())
}

// clock is a time on the clock of a day, also where the clocks are set forward or back on it.
func clock(day time.Time, d time.Duration) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), int(d/time.Hour), int(d%time.Hour/time.Minute), 0, 0, day.Location())
}

// function is something that rules may call beside OPA's own functions.
type function struct {
	decl   *ast.Builtin
	option func(*rego.Rego)
}

// maxWorkingDays bounds a deadline; the longest of the catalogue are 60 days.
const maxWorkingDays = 1000

// functions are the calendars for rules. A calendar is named, usually as input.tenant.calendar;
// moments are Unix milliseconds.
//
//	mingjian.working_days_after(calendar, at, n)  the end of the n-th working day after
//	mingjian.working(calendar, at)                whether it is in working hours
//	mingjian.end_of_working_day(calendar, at)     when work ends on that day, or the next worked one
func (c calendars) functions() []function {
	on := func(name, at *ast.Term, use func(*Calendar, time.Time) (*ast.Term, error)) (*ast.Term, error) {
		n, ok := name.Value.(ast.String)
		calendar := c.byName[string(n)]
		if !ok || calendar == nil {
			return nil, fmt.Errorf("calendar %v is not in %s", name, calendarsFile)
		}
		ms, err := millis(at.Value)
		if err != nil {
			return nil, err
		}
		return use(calendar, time.UnixMilli(ms))
	}
	ms := func(t time.Time) (*ast.Term, error) { return whole(t.UnixMilli()), nil }
	days := &rego.Function{
		Name: "mingjian.working_days_after", Memoize: true,
		Decl: types.NewFunction(types.Args(types.S, types.N, types.N), types.N),
	}
	working := &rego.Function{
		Name: "mingjian.working", Memoize: true,
		Decl: types.NewFunction(types.Args(types.S, types.N), types.B),
	}
	end := &rego.Function{
		Name: "mingjian.end_of_working_day", Memoize: true,
		Decl: types.NewFunction(types.Args(types.S, types.N), types.N),
	}
	return []function{
		{asBuiltin(days), rego.Function3(days, func(_ rego.BuiltinContext, name, at, n *ast.Term) (*ast.Term, error) {
			count, err := millis(n.Value)
			if err != nil || count < 0 || count > maxWorkingDays {
				return nil, fmt.Errorf("%v is no number of working days (0 to %d)", n, maxWorkingDays)
			}
			return on(name, at, func(c *Calendar, at time.Time) (*ast.Term, error) { return ms(c.DaysAfter(at, int(count))) })
		})},
		{asBuiltin(working), rego.Function2(working, func(_ rego.BuiltinContext, name, at *ast.Term) (*ast.Term, error) {
			return on(name, at, func(c *Calendar, at time.Time) (*ast.Term, error) { return ast.InternedTerm(c.Working(at)), nil })
		})},
		{asBuiltin(end), rego.Function2(end, func(_ rego.BuiltinContext, name, at *ast.Term) (*ast.Term, error) {
			return on(name, at, func(c *Calendar, at time.Time) (*ast.Term, error) { return ms(c.EndOfDay(at)) })
		})},
	}
}

func asBuiltin(f *rego.Function) *ast.Builtin { return &ast.Builtin{Name: f.Name, Decl: f.Decl} }

// capabilities are OPA's own functions and those beside them.
func capabilities(functions []function) *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	for _, f := range functions {
		c.Builtins = append(c.Builtins, f.decl)
	}
	return c
}
