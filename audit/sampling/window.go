package sampling

import "time"

// window is one stretch of a tenant's day, from its beginning to before its end.
type window struct{ from, to time.Time }

// Window is the stretch of the tenant's day that a moment lies in, from its beginning to before its end.
func (t Terms) Window(at time.Time) (from, to time.Time) {
	w := t.windowAt(at)
	return w.from, w.to
}

// windowAt is the window that a moment lies in.
func (t Terms) windowAt(at time.Time) window {
	local := at.In(t.Zone)
	return t.windowFrom(onClock(local, local.Hour()/t.LotHours*t.LotHours))
}

// windowFrom is the window that begins at a moment. It ends on the clock, so that it is an hour longer
// or shorter where the zone puts its clocks back or forward.
func (t Terms) windowFrom(from time.Time) window {
	local := from.In(t.Zone)
	return window{from: local, to: onClock(local, local.Hour()/t.LotHours*t.LotHours+t.LotHours)}
}

// onClock is when the clock of a moment's zone shows an hour of that day; 24 is the next day's first.
// Where the zone puts its clocks forward past that hour, it is the moment at which it does so:
// time.Date may then give one before it, and a window would end where it began.
func onClock(day time.Time, hour int) time.Time {
	at := time.Date(day.Year(), day.Month(), day.Day(), hour, 0, 0, 0, day.Location())
	asked := time.Date(day.Year(), day.Month(), day.Day(), hour, 0, 0, 0, time.UTC)
	shown := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	if shown.Before(asked) {
		at = at.Add(asked.Sub(shown))
	}
	return at
}

// day is a day of a zone.
type day struct {
	zone *time.Location
	name string // 2006-01-02
}

func dayAt(at time.Time, zone *time.Location) day {
	return day{zone, at.In(zone).Format(time.DateOnly)}
}

func (d day) begins() time.Time { return d.hour(0) }

func (d day) ends() time.Time { return d.hour(24) }

// hour is when the day's clock shows an hour.
func (d day) hour(n int) time.Time {
	at, err := time.Parse(time.DateOnly, d.name)
	if err != nil {
		panic("sampling: a day that is none: " + d.name) // days are made by dayAt
	}
	return onClock(time.Date(at.Year(), at.Month(), at.Day(), 12, 0, 0, 0, d.zone), n)
}

func (d day) next() day { return dayAt(d.ends(), d.zone) }

// key names the day's key in the evidence log.
func (d day) key() string { return "sampling-key/" + d.zone.String() + "/" + d.name }

// ms is a moment as the tables have it; 0 for none.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMS(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMilli(at).UTC()
}
