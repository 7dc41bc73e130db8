package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"time"

	"mingjian/collector/scenario"
	"mingjian/policies"
)

const (
	// played is how many sessions of the demo's contact centre the traffic repeats, each time with other
	// ids, people and moments: enough that every scenario is among them.
	played = 2000
	// brief is how long a session lasts at most for the number of those open at once. One that hangs on
	// a deadline of days is open for days, and would make that number say nothing about the others.
	brief = time.Hour
)

// holes are what differs between two plays of one message.
var holes = regexp.MustCompile(`"(session_id|event_id|due)":"([^"]*)"|"(ts)":(\d+)|"(id)":"(demo-[a-z-]+-)\d+"`)

// filling is what goes into a hole.
type filling uint8

const (
	nothing filling = iota
	sessionID
	eventID
	moment
	due
	person
)

// piece is text of a message, and what follows it.
type piece struct {
	text []byte
	then filling
	own  string        // of an event's id and of a person's, what stays
	in   time.Duration // of a due, since the session's opening
}

// line is one message of a session.
type line struct {
	at     time.Duration // since the session's opening
	pieces []piece
}

// talk is a session to be played again and again.
type talk struct{ lines []line }

// talks takes the demo's sessions apart, in the order in which they begin.
func talks(ctx context.Context, b *policies.Bundle, seed uint64) ([]talk, error) {
	player, err := scenario.Demo(ctx, b, policies.Builtin(), scenario.PlayOptions{Seed: seed, Now: scenario.DefaultStart, Sessions: played})
	if err != nil {
		return nil, err
	}
	begun := map[string]time.Time{}
	index := map[string]int{}
	var out []talk
	for {
		at, key, value, ok := player.Next()
		if !ok {
			return out, nil
		}
		if begun[key].IsZero() {
			begun[key], index[key] = at, len(out)
			out = append(out, talk{})
		}
		t := &out[index[key]]
		t.lines = append(t.lines, line{at: at.Sub(begun[key]), pieces: apart(value, begun[key])})
	}
}

// apart finds the holes of a message.
func apart(value []byte, begun time.Time) (out []piece) {
	from := 0
	fill := func(start, end int, p piece) {
		p.text = value[from:start]
		out = append(out, p)
		from = end
	}
	for _, m := range holes.FindAllSubmatchIndex(value, -1) {
		switch {
		case m[2] >= 0:
			own := string(value[m[4]:m[5]])
			switch string(value[m[2]:m[3]]) {
			case "session_id":
				fill(m[4], m[5], piece{then: sessionID})
			case "event_id":
				fill(m[4], m[5], piece{then: eventID, own: "-" + own})
			case "due":
				if at, err := time.Parse(time.RFC3339Nano, own); err == nil {
					fill(m[4], m[5], piece{then: due, in: at.Sub(begun)})
				}
			}
		case m[6] >= 0:
			fill(m[8], m[9], piece{then: moment})
		default:
			fill(m[12], m[1]-1, piece{then: person, own: string(value[m[12]:m[13]])})
		}
	}
	return append(out, piece{text: value[from:]})
}

// beginnings keeps the first two or three messages of each talk, and nothing that ends it.
func beginnings(all []talk) []talk {
	var out []talk
	for i, t := range all {
		n := min(2+i%2, len(t.lines)-1) // the last one may be the session's closing
		if n > 0 {
			out = append(out, talk{lines: t.lines[:n]})
		}
	}
	return out
}

// traffic plays talks as overlapping sessions without end. The talks begin one after the other at even
// intervals, in rounds; round after round is the same but for ids, people and moments, so that a
// message costs little more than copying it.
type traffic struct {
	talks  []talk
	cues   []cue
	round  time.Duration // length of a round
	base   time.Time     // when the first one begins
	tag    string        // tells this traffic's sessions from others'
	people int
	most   int64 // sessions; 0: without end

	at      int   // in cues
	rounds  int64 // that are over
	buf     []byte
	session int64 // begun so far
}

// cue is a message of a round.
type cue struct {
	talk, line int
	back       int64         // how many rounds ago its session began
	at         time.Duration // since the round's beginning
}

// newTraffic plays sessions so that open of them are open at once (see brief).
func newTraffic(all []talk, tag string, open, people int) (*traffic, error) {
	if len(all) == 0 {
		return nil, errors.New("there is no conversation to play")
	}
	var lasts time.Duration
	for _, t := range all {
		lasts += min(brief, max(time.Second, t.lines[len(t.lines)-1].at))
	}
	s := &traffic{talks: all, tag: tag, people: people}
	s.spread(lasts / time.Duration(open)) // Little's law: open = begun in a time × how long one lasts
	return s, nil
}

// spread lays the talks out over a round of a length.
func (s *traffic) spread(round time.Duration) {
	s.round = max(round, time.Duration(len(s.talks))*time.Microsecond)
	s.cues = s.cues[:0]
	for i, t := range s.talks {
		begins := s.round * time.Duration(i) / time.Duration(len(s.talks))
		for n, l := range t.lines {
			at := begins + l.at
			s.cues = append(s.cues, cue{talk: i, line: n, back: int64(at / s.round), at: at % s.round})
		}
	}
	slices.SortStableFunc(s.cues, func(a, b cue) int { return cmp.Compare(a.at, b.at) })
}

// span is the event time that n messages take, about: sessions of days send their last messages later.
func (s *traffic) span(n int64) time.Duration {
	return time.Duration(float64(n) / float64(len(s.cues)) * float64(s.round))
}

// next gives the next message, of which there must be one; both slices are valid until the call after. Moments never go back.
func (s *traffic) next() (key, value []byte) {
	for {
		c := &s.cues[s.at]
		begun := s.rounds - c.back
		now := s.base.Add(s.round*time.Duration(s.rounds) + c.at)
		if s.at++; s.at == len(s.cues) {
			s.at = 0
			s.rounds++
		}
		if begun < 0 {
			continue // a session that would have begun before the stream
		}
		if s.most > 0 && begun*int64(len(s.talks))+int64(c.talk) >= s.most {
			continue
		}
		if c.line == 0 {
			s.session++
		}
		l := &s.talks[c.talk].lines[c.line]
		b := s.buf[:0]
		b = append(b, "s-"...)
		b = append(b, s.tag...)
		b = append(b, '-')
		b = strconv.AppendInt(b, begun, 36)
		b = append(b, '-')
		b = strconv.AppendInt(b, int64(c.talk), 36)
		n := len(b)
		for i := range l.pieces {
			p := &l.pieces[i]
			b = append(b, p.text...)
			switch p.then {
			case sessionID:
				b = append(b, b[:n]...)
			case eventID:
				b = append(append(b, b[:n]...), p.own...)
			case moment:
				b = strconv.AppendInt(b, now.UnixMilli(), 10)
			case due:
				b = now.Add(p.in-l.at).UTC().AppendFormat(b, time.RFC3339Nano)
			case person:
				b = append(b, p.own...)
				b = strconv.AppendUint(b, (uint64(begun)*played+uint64(c.talk))*11400714819323198485%uint64(s.people), 10)
			}
		}
		s.buf = b
		return b[:n], b[n:]
	}
}

// tagOf tells the streams of one run apart, and the runs.
func tagOf(name string, at time.Time) string {
	h := fnv.New32a()
	fmt.Fprint(h, name, at.UnixNano())
	return strconv.FormatUint(uint64(h.Sum32()), 36)
}
