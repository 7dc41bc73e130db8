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
