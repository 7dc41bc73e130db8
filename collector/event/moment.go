package event

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mingjian/policies"
)

// Earliest is the first moment that an event may have, as the event model says.
var Earliest = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// MaxAhead is how far an event's moment may lie ahead of the clock, as the event model says: room
// for clocks that are wrong and for zones taken for UTC.
const MaxAhead = 24 * time.Hour

// moment is a ts as it was written: RFC 3339 with a zone, or epoch milliseconds as a whole number,
// which may also stand in quotes (producers that keep 64-bit numbers out of floats write it so).
// Anything finer than a millisecond is cut off.
type moment struct {
	ms    policies.Millis
	given bool
	fault string // why it is no moment; "" when it is one
	raw   string // as it was written; left out where that is ms in figures, as nearly always
}

// UnmarshalJSONFrom reads a ts. It does not fail on a wrong value but remembers it, so that a wrong
// moment is told after a missing id and under its own reason.
func (m *moment) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	switch v.Kind() {
	case jsontext.KindNull:
		return nil
	case jsontext.KindNumber:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			m.ms = n
		} else {
			m.number(string(v))
		}
	case jsontext.KindString:
		text, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return err
		}
		m.text(string(text))
	default:
		m.fault, m.raw = "is neither a text nor a number", string(v)
	}
	m.given = true
	return nil
}

func (m *moment) number(s string) {
	m.raw = s
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || math.Abs(f) > 1<<53:
		m.fault = "is a number too large for a moment"
	case f != math.Trunc(f):
		m.fault = "is not a whole number of milliseconds"
	default:
		m.ms = int64(f)
	}
}

func (m *moment) text(s string) {
	m.raw = s
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		m.ms = n
		return
	}
	t, err := parseRFC3339(s)
	if err != nil {
		m.fault = "is no moment"
		return
	}
	m.ms = t.UnixMilli()
}

// parseRFC3339 is stricter than time.Parse, which also takes a comma before the fraction, an hour
// of one digit and zones of more than 24 hours.
func parseRFC3339(s string) (time.Time, error) {
	var t time.Time
	err := t.UnmarshalText([]byte(s))
	return t, err
}

// resolve gives the moment, or says what is wrong with it.
func (m *moment) resolve(now time.Time) (policies.Millis, *Reject) {
	const forms = "write RFC 3339 with a zone (2026-10-12T10:00:00+08:00) or epoch milliseconds"
	switch {
	case !m.given || m.raw == "" && m.fault != "":
		return 0, &Reject{BadTime, "ts is missing; " + forms}
	case m.fault != "":
		return 0, &Reject{BadTime, fmt.Sprintf("ts %s %s; %s", quote(m.raw), m.fault, forms)}
	case m.ms < Earliest.UnixMilli():
		hint := ""
		if s := m.ms * 1000; m.ms > 0 && s >= Earliest.UnixMilli() && s <= now.Add(MaxAhead).UnixMilli() {
			hint = "; it looks like seconds, and milliseconds are wanted"
		}
		return 0, &Reject{BadTime, fmt.Sprintf("ts %s is before 2000-01-01%s", quote(m.written()), hint)}
	case m.ms > now.Add(MaxAhead).UnixMilli():
		return 0, &Reject{BadTime, fmt.Sprintf("ts %s is more than 24 hours ahead of the collector's clock (%s)", quote(m.written()), now.UTC().Format(time.RFC3339))}
	}
	return m.ms, nil
}

// written is how the moment was written.
func (m *moment) written() string {
	if m.raw == "" {
		return strconv.FormatInt(m.ms, 10)
	}
	return m.raw
}
