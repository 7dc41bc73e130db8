package indicator

import "time"

// stretch is a run of days, both ends included.
type stretch struct{ first, last time.Time }

// runs joins touched days, oldest first, to runs; each day brings those before it that change with it.
func runs(days []time.Time) (out []stretch) {
	for _, day := range days {
		from := day.AddDate(0, 0, -echo)
		if n := len(out); n > 0 && !from.After(out[n-1].last.AddDate(0, 0, 1)) {
			out[n-1].last = day
			continue
		}
		out = append(out, stretch{from, day})
	}
	return out
}

func monthStart(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func monthEnd(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC)
}
