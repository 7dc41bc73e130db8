package console

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"mingjian/collector/warehouse"
)

// findingHref is where a finding is looked into: in its session or, where it is about a number, at the
// sessions of the days that the number speaks of.
func (c *Console) findingHref(f warehouse.FindingItem) string {
	if f.SessionID != "" {
		return sessionHref(f.Tenant, f.SessionID) + "#f-" + url.PathEscape(f.FindingID)
	}
	q := url.Values{}
	if f.BusinessLine != "" {
		q.Set("business_line", f.BusinessLine)
	}
	n := numberOf(f)
	if day, err := time.ParseInLocation(time.DateOnly, n.Day, c.Policies().Zone(f.Tenant)); err == nil {
		q.Set("to", day.AddDate(0, 0, 1).Format(time.RFC3339))
		if n.Period == "month" {
			day = day.AddDate(0, 0, 1-day.Day())
		}
		q.Set("from", day.Format(time.RFC3339))
	}
	return "/sessions?" + q.Encode()
}

// number is what the facts of a finding about a number tell of it.
type number struct {
	Day         string   `json:"day"`
	Period      string   `json:"period"`
	Numerator   *float64 `json:"numerator"`
	Denominator *int64   `json:"denominator"`
}

// numberOf reads the facts; what they do not tell stays empty.
func numberOf(f warehouse.FindingItem) (n number) {
	_ = json.Unmarshal([]byte(f.Facts), &n) // facts of another shape tell of no number
	return n
}

// figures are a number's day and what it was counted from, for a list.
func figures(f warehouse.FindingItem) string {
	n := numberOf(f)
	if n.Numerator == nil || n.Denominator == nil {
		return n.Day
	}
	return fmt.Sprintf("%s · %s/%d", n.Day, strconv.FormatFloat(*n.Numerator, 'f', -1, 64), *n.Denominator)
}
