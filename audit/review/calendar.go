package review

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"mingjian/audit/store"
)

//go:embed teams/teams.yaml
var builtinTeams embed.FS

// BuiltinTeams is the roster that comes with the program: nobody by name, so that whoever holds the
// permission may review everything.
func BuiltinTeams() fs.FS {
	files, _ := fs.Sub(builtinTeams, "teams") // cannot fail: the folder is embedded
	return files
}

const teamsFile = "teams.yaml"

// Skills are what somebody can review, and how much at once. An empty list means everything.
type Skills struct {
	Languages     []string `yaml:"languages" json:"languages"`
	BusinessLines []string `yaml:"business_lines" json:"business_lines"`
	MaxOpen       int      `yaml:"max_open" json:"max_open"` // claims held at the same time
}

// Member is an inspector of the roster.
type Member struct {
	ID     string `yaml:"id" json:"id"` // the principal's
	Skills `yaml:",inline"`
}

// Team is people who work by one calendar.
type Team struct {
	ID               string   `yaml:"id" json:"id"`
	Calendar         string   `yaml:"calendar" json:"calendar"`
	MinutesPerReview int      `yaml:"minutes_per_review" json:"minutes_per_review"`
	Members          []Member `yaml:"members" json:"members"`
}

// Teams is the roster.
type Teams struct {
	teams     []Team
	fallback  Skills
	calendars map[string]*Calendar
}

// Calendar says when work is done. It plans; it never moves a due time.
type Calendar struct {
	ID       string
	zone     *time.Location
	week     map[time.Weekday][]period
	holidays map[string]bool
	workdays map[string][]period
}

// period is a part of a day, in minutes since midnight, [from, to).
type period struct{ from, to int }

const day = "2006-01-02"

var weekdays = map[string]time.Weekday{
	"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday,
	"fri": time.Friday, "sat": time.Saturday, "sun": time.Sunday,
}

// Works reports whether the calendar has work at a moment.
func (c *Calendar) Works(at time.Time) bool {
	at = at.In(c.zone)
	minute, date := at.Hour()*60+at.Minute(), at.Format(day)
	periods, special := c.workdays[date]
	if !special && !c.holidays[date] {
		periods = c.week[at.Weekday()]
	}
	return slices.ContainsFunc(periods, func(p period) bool { return minute >= p.from && minute < p.to })
}

// Member is what the roster says of a principal; whoever is not in it has the default skills.
func (t *Teams) Member(id string) Member {
	for _, team := range t.teams {
		for _, m := range team.Members {
			if m.ID == id {
				return m
			}
		}
	}
	return Member{ID: id, Skills: t.fallback}
}

// able counts the members who can review a language and business line.
func (t *Teams) able(language, line string) (n int) {
	for _, team := range t.teams {
		for _, m := range team.Members {
			knows := language == "" || len(m.Languages) == 0 || slices.Contains(m.Languages, language)
			if knows && (len(m.BusinessLines) == 0 || slices.Contains(m.BusinessLines, line)) {
				n++
			}
		}
	}
	return n
}

// rosterFile is teams.yaml as it is written. Nodes keep their line for faults.
type rosterFile struct {
	Calendars []struct {
		ID       yaml.Node              `yaml:"id"`
		Zone     yaml.Node              `yaml:"zone"`
		Week     map[string][]yaml.Node `yaml:"week"`
		Holidays []yaml.Node            `yaml:"holidays"`
		Workdays map[string][]yaml.Node `yaml:"workdays"`
	} `yaml:"calendars"`
	Default Skills `yaml:"default"`
	Teams   []struct {
		ID       yaml.Node `yaml:"id"`
		Calendar yaml.Node `yaml:"calendar"`
		Minutes  yaml.Node `yaml:"minutes_per_review"`
		Members  []struct {
			ID     yaml.Node `yaml:"id"`
			Skills `yaml:",inline"`
		} `yaml:"members"`
	} `yaml:"teams"`
}

// LoadTeams reads teams.yaml of a folder. All faults are in the error, each with its line.
func LoadTeams(files fs.FS) (*Teams, error) {
	data, err := fs.ReadFile(files, teamsFile)
	if err != nil {
		return nil, fmt.Errorf("teams: %w", err)
	}
	var f rosterFile
	if faults := decodeYAML(teamsFile, data, &f); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	var faults []error
	say := func(n yaml.Node, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s:%d: %s", teamsFile, max(n.Line, 1), fmt.Sprintf(format, args...)))
	}
	t := &Teams{fallback: f.Default, calendars: map[string]*Calendar{}}
	if t.fallback.MaxOpen < 1 {
		say(yaml.Node{}, "default.max_open is a whole number from 1")
	}
	for _, c := range f.Calendars {
		zone, err := time.LoadLocation(c.Zone.Value)
		if err != nil || c.Zone.Value == "" {
			say(c.Zone, "calendar %s: zone %q is not in the time zone database; write it as Asia/Shanghai", c.ID.Value, c.Zone.Value)
			zone = time.UTC
		}
		out := &Calendar{ID: c.ID.Value, zone: zone, week: map[time.Weekday][]period{}, holidays: map[string]bool{}, workdays: map[string][]period{}}
		for name, list := range c.Week {
			weekday, ok := weekdays[name]
			if !ok {
				say(c.ID, "calendar %s: %q is no day of the week; write mon tue wed thu fri sat sun", c.ID.Value, name)
			}
			out.week[weekday] = periods(list, say)
		}
		for _, h := range c.Holidays {
			if _, err := time.Parse(day, h.Value); err != nil {
				say(h, "holiday %q is no date; write it as 2026-10-01", h.Value)
			}
			out.holidays[h.Value] = true
		}
		for date, list := range c.Workdays {
			if _, err := time.Parse(day, date); err != nil {
				say(c.ID, "calendar %s: workday %q is no date; write it as 2026-10-10", c.ID.Value, date)
			}
			out.workdays[date] = periods(list, say)
		}
		if c.ID.Value == "" || t.calendars[c.ID.Value] != nil {
			say(c.ID, "a calendar needs an id of its own, not %q", c.ID.Value)
		}
		t.calendars[c.ID.Value] = out
	}
	member := map[string]bool{}
	for _, team := range f.Teams {
		out := Team{ID: team.ID.Value, Calendar: team.Calendar.Value}
		if out.ID == "" {
			say(team.Calendar, "a team needs an id")
		}
		if t.calendars[out.Calendar] == nil {
			say(team.Calendar, "team %s: there is no calendar %q", out.ID, out.Calendar)
		}
		if err := team.Minutes.Decode(&out.MinutesPerReview); err != nil || out.MinutesPerReview < 1 {
			say(team.Minutes, "team %s: minutes_per_review is a whole number from 1", out.ID)
		}
		for _, m := range team.Members {
			if m.MaxOpen == 0 {
				m.MaxOpen = t.fallback.MaxOpen
			}
			switch {
			case m.ID.Value == "" || member[m.ID.Value]:
				say(m.ID, "team %s: a member needs an id that no other has, not %q", out.ID, m.ID.Value)
			case m.MaxOpen < 0:
				say(m.ID, "member %s: max_open is a whole number from 1", m.ID.Value)
			}
			member[m.ID.Value] = true
			out.Members = append(out.Members, Member{m.ID.Value, m.Skills})
		}
		t.teams = append(t.teams, out)
	}
	return t, errors.Join(faults...)
}

// periods reads ["09:00-12:00", …]: in order, each within the day.
func periods(list []yaml.Node, say func(yaml.Node, string, ...any)) (out []period) {
	for _, n := range list {
		from, to, ok := strings.Cut(n.Value, "-")
		p := period{minute(from), minute(to)}
		switch {
		case !ok || p.from < 0 || p.to <= p.from:
			say(n, "%q is no part of a day; write it as 09:00-12:00, at most until 24:00", n.Value)
		case len(out) > 0 && p.from < out[len(out)-1].to:
			say(n, "%q begins before the period in front of it ends", n.Value)
		}
		out = append(out, p)
	}
	return out
}

// minute reads hh:mm; -1 for what is none.
func minute(text string) int {
	if text == "24:00" {
		return 24 * 60
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		return -1
	}
	return at.Hour()*60 + at.Minute()
}

// Forecast says whether the reviews that are open now will be done in time at the pace of the roster.
type Forecast struct {
	Open     int       `json:"open" doc:"Reviews that are open or claimed now"`
	Late     int       `json:"late" doc:"Of those, how many will not be done by their due time"`
	LateIDs  []string  `json:"late_task_ids" nullable:"false" doc:"The first hundred of them"`
	Capacity float64   `json:"capacity_24h" doc:"Reviews that the teams can do in the next 24 hours"`
	DoneBy   time.Time `json:"done_by,omitzero" doc:"When the last of them is done; absent where that is beyond 14 days or no team is in the roster"`
}

const (
	forecastStep  = 5 * time.Minute     // calendars are written in minutes, and reviews take about two steps
	forecastReach = 14 * 24 * time.Hour // beyond it a plan is a guess
)

// Forecast walks through the teams' working time and does the open reviews in the order in which they
// are due, as many at a time as there are people. Who can do which language is left out, so that it
// is the best case. Without a team there is no capacity, and everything is late.
func (r *Reviews) Forecast(ctx context.Context, tenant string) (f Forecast, err error) {
	who, err := r.person(ctx)
	if err != nil {
		return Forecast{}, err
	}
	type open struct {
		id  string
		due time.Time
	}
	var waiting []open
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		var w where
		w.add("state IN ('open', 'claimed')")
		w.ofTenant(who)
		w.equal("tenant", tenant)
		waiting, err = collect(ctx, tx, func(s interface{ Scan(...any) error }) (o open, err error) {
			var due int64
			err = s.Scan(&o.id, &due)
			o.due = moment(due)
			return o, err
		}, `SELECT id, due_ms FROM reviews`+w.clause()+` ORDER BY due_ms, id`, w.args...)
		return err
	})
	if err != nil {
		return Forecast{}, err
	}
	f.Open, f.LateIDs = len(waiting), []string{}
	now, done, next := r.db.Now(), 0.0, 0
	late := func(o open) {
		f.Late++
		if len(f.LateIDs) < 100 {
			f.LateIDs = append(f.LateIDs, o.id)
		}
	}
	for at := now; at.Before(now.Add(forecastReach)); at = at.Add(forecastStep) {
		for _, team := range r.teams.teams {
			if r.teams.calendars[team.Calendar].Works(at) {
				done += float64(len(team.Members)) * forecastStep.Minutes() / float64(team.MinutesPerReview)
			}
		}
		end := at.Add(forecastStep)
		for ; next < len(waiting) && float64(next+1) <= done+1e-9; next++ { // a sum of fractions may fall a hair short
			if end.After(waiting[next].due) {
				late(waiting[next])
			}
			if next == len(waiting)-1 {
				f.DoneBy = end
			}
		}
		if at.Sub(now) < 24*time.Hour {
			f.Capacity = math.Round(100*done) / 100
		}
	}
	for ; next < len(waiting); next++ {
		late(waiting[next])
	}
	return f, nil
}
