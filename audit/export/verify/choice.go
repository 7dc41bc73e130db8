package verify

import (
	"bytes"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
)

// sessionKey stands for a session: the beginning of a SHA-256 over the seed and its id. Sessions are chosen by
// it, so that nobody who does not know the seed can foresee which.
type sessionKey [16]byte

func (k sessionKey) less(o sessionKey) bool { return bytes.Compare(k[:], o[:]) < 0 }

// keyOf is the key of a session whose id is given as JSON.
func keyOf(seed uint64, id jsontext.Value) (sessionKey, error) {
	var room [192]byte
	text, err := jsontext.AppendUnquote(room[8:8], id)
	if err != nil {
		return sessionKey{}, err
	}
	b := append(binary.BigEndian.AppendUint64(room[:0], seed), text...)
	sum := sha256.Sum256(b)
	return sessionKey(sum[:16]), nil
}

func keyOfText(seed uint64, id string) sessionKey {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), id...))
	return sessionKey(sum[:16])
}

// tally is what is known of every session of the package.
type tally struct {
	rows  int32
	found bool // it has versions of findings
}

// talk is a session that is to be judged again.
type talk struct {
	key      sessionKey
	rows     []said
	findings map[string]seal.Finding // newest version, by rule
	seal     int                     // the last that has something of it
	broken   string                  // why it cannot be judged
	events   int                     // that it had, as the package says; 0 where it does not
	inside   bool                    // it has a row of the period: only then all its findings are in the package
}

// said is a row of such a session.
type said struct {
	offset int64
	entry  []byte
}

// keep holds the sessions with the lowest keys of those it is given: all that come while they may still be
// among them, so that whoever is there at the end has been there from the first line.
type keep struct {
	most  int
	talks map[sessionKey]*talk
	order []sessionKey // a heap, greatest first
}

func newKeep(most int) *keep { return &keep{most: most, talks: map[sessionKey]*talk{}} }

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (k *keep) Len() int           { return len(k.order) }
func (k *keep) Less(i, j int) bool { return k.order[j].less(k.order[i]) }
func (k *keep) Swap(i, j int)      { k.order[i], k.order[j] = k.order[j], k.order[i] }
func (k *keep) Push(x any)         { k.order = append(k.order, x.(sessionKey)) }
func (k *keep) Pop() any {
	last := k.order[len(k.order)-1]
	k.order = k.order[:len(k.order)-1]
	return last
}

// of gives a session's place, nil where it has none.
func (k *keep) of(key sessionKey) *talk {
	if t := k.talks[key]; t != nil {
		return t
	}
	if k.most == 0 || len(k.order) == k.most && !key.less(k.order[0]) {
		return nil
	}
	if len(k.order) == k.most {
		delete(k.talks, heap.Pop(k).(sessionKey))
	}
	t := &talk{key: key, findings: map[string]seal.Finding{}}
	k.talks[key] = t
	heap.Push(k, key)
	return t
}

// choice is which sessions are judged again.
type choice struct {
	with, without *keep // sessions with findings, and without
	only          map[sessionKey]bool
}

// choose prepares the choice. Where findings or rules are named it has to look for their sessions.
func (v *verification) choose(ctx context.Context) error {
	n := v.o.Recheck
	if n == 0 {
		n = DefaultRecheck
	}
	n = min(max(n, 0), maxRecheck)
	if len(v.o.Only) == 0 {
		v.chosen = &choice{with: newKeep(n), without: newKeep(n)}
		return nil
	}
	c := &choice{with: newKeep(maxRecheck), without: newKeep(maxRecheck), only: map[sessionKey]bool{}}
	v.chosen = c
	for _, id := range v.o.Only {
		c.only[keyOfText(v.o.Seed, id)] = true // it may be a session
	}
	return v.fault(v.eachLine(ctx, dossier.FindingsFile, func(line []byte, _ int) error {
		var f seal.Finding
		if json.Unmarshal(line, &f) == nil && (slices.Contains(v.o.Only, f.ID) || slices.Contains(v.o.Only, f.Rule)) && len(c.only) < maxRecheck {
			c.only[keyOfText(v.o.Seed, f.SessionID)] = true
		}
		return nil
	}))
}

// met notes a version of a finding for its session.
func (v *verification) met(f *found, at int) {
	t := v.sessions[f.session]
	if t == nil {
		t = new(tally)
		v.sessions[f.session] = t
	}
	t.found = true
	if v.chosen.only != nil && !v.chosen.only[f.session] {
		return
	}
	if t := v.chosen.with.of(f.session); t != nil {
		t.findings[f.Rule], t.seal = f.Finding, max(t.seal, at)
	}
}

// tally counts a row for its session, and keeps it where the session may be judged again.
func (v *verification) tally(r *row, at int) {
	t := v.sessions[r.session]
	if t == nil {
		t = new(tally)
		v.sessions[r.session] = t
	}
	t.rows++
	if v.chosen.only != nil && !v.chosen.only[r.session] {
		return
	}
	from := v.chosen.without
	if t.found {
		from = v.chosen.with
	}
	kept := from.talks[r.session]
	if kept == nil && !t.found {
		kept = from.of(r.session)
	}
	switch {
	case kept == nil:
	case len(kept.rows) == maxTalk:
		kept.broken = "it has too many rows"
	default:
		kept.rows = append(kept.rows, said{r.offset, bytes.Clone(r.entry)})
		kept.seal = max(kept.seal, at)
		kept.inside = kept.inside || r.at >= v.pkg.Manifest.Scope.From && r.at < v.pkg.Manifest.Scope.To
	}
}

// maxTalk is how many rows a session may have to be judged again.
const maxTalk = 20_000
