package sampling_test

import (
	"testing"
	"time"

	"mingjian/audit/sampling"
)

// Lots end on the clock of the zone, also on the days on which it is put back or forward.
func TestWindowsFollowTheZonesClock(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	terms := sampling.Terms{Zone: zone, LotHours: 6}
	for _, tt := range []struct{ at, from, to string }{
		{"2026-03-29T01:30:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-29T06:00:00+02:00"},
		{"2026-03-29T06:00:00+02:00", "2026-03-29T06:00:00+02:00", "2026-03-29T12:00:00+02:00"},
		{"2026-10-25T02:30:00+01:00", "2026-10-25T00:00:00+02:00", "2026-10-25T06:00:00+01:00"},
		{"2026-10-25T23:59:59+01:00", "2026-10-25T18:00:00+01:00", "2026-10-26T00:00:00+01:00"},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		from, to := terms.Window(at)
		if from.Format(time.RFC3339) != tt.from || to.Format(time.RFC3339) != tt.to {
			t.Errorf("%s is in %s to %s, want %s to %s", tt.at, from.Format(time.RFC3339), to.Format(time.RFC3339), tt.from, tt.to)
		}
	}
}

// Where the clocks are put forward, every window ends after it began and the next begins there, also
// in zones in which that happens at midnight.
func TestWindowsGoOnWhereTheClocksAreForward(t *testing.T) {
	for name, day := range map[string]string{
		"America/New_York": "2026-03-08", "Europe/Madrid": "2026-03-29", "America/Santiago": "2026-09-06", "Atlantic/Azores": "2026-03-29", "Africa/Cairo": "2026-04-24",
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, hours := range []int{1, 2, 3, 24} {
			terms := sampling.Terms{Zone: zone, LotHours: hours}
			noon, err := time.ParseInLocation("2006-01-02 15", day+" 12", zone)
			if err != nil {
				t.Fatal(err)
			}
			at, _ := terms.Window(noon.AddDate(0, 0, -1))
			for end := noon.AddDate(0, 0, 1); at.Before(end); {
				from, to := terms.Window(at)
				if !from.Equal(at) || !to.After(from) {
					t.Fatalf("%s, lots of %d h: the window at %s is from %s to %s", name, hours, at.In(zone), from, to)
				}
				if before, _ := terms.Window(to.Add(-time.Millisecond)); !before.Equal(from) {
					t.Fatalf("%s, lots of %d h: the window from %s is said to begin at %s", name, hours, from, before)
				}
				at = to
			}
		}
	}
}
