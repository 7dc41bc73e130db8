package dashboards

import (
	"slices"
	"testing"
	"time"
)

// A day that has begun where the tenant is belongs to the window, though it has not begun in UTC.
func TestTheDaysOfAWindowAreThoseOfTheTenant(t *testing.T) {
	_, reads := record(t)
	days := func(from, to time.Time) (out []string) {
		t.Helper()
		sql, err := Expand("SELECT toString(day) FROM (SELECT arrayJoin([toDate('2026-11-20'), toDate('2026-11-21'), toDate('2026-11-22'), toDate('2026-11-23')]) AS day) WHERE "+ofDays+" ORDER BY day",
			Window{From: from, To: to, Interval: time.Minute}, nil)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := reads.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var day string
			if err := rows.Scan(&day); err != nil {
				t.Fatal(err)
			}
			out = append(out, day)
		}
		return out
	}
	sevenInShanghai := time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC)
	if got, want := days(sevenInShanghai.Add(-8*time.Hour), sevenInShanghai), []string{"2026-11-21", "2026-11-22"}; !slices.Equal(got, want) {
		t.Errorf("days %v, want %v", got, want)
	}
	noonInShanghai := time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)
	if got, want := days(noonInShanghai.Add(-4*time.Hour), noonInShanghai), []string{"2026-11-21"}; !slices.Equal(got, want) {
		t.Errorf("days %v, want %v", got, want)
	}
}
