package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	f_log "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
)

// erasedRow is a row of the package that was erased.
type erasedRow struct {
	partition int
	offset    int64
	leaf      seal.Hash
	line      int
}

// maxErased bounds the memory for rows that were erased: beyond, that they were by their erasure is not shown.
const maxErased = 2_000_000

// readErasures checks that the log states every erasure by which rows were erased, and that it was of them.
func (v *verification) readErasures(ctx context.Context) error {
	stated := map[string]bool{}
	if _, ok := v.pkg.File(dossier.ErasuresFile); ok {
		err := v.eachLine(ctx, dossier.ErasuresFile, func(line []byte, n int) error {
			var e dossier.Erasure
			if err := json.Unmarshal(line, &e, json.RejectUnknownMembers(true)); err != nil {
				v.problem(place(dossier.ErasuresFile, n), "%v", err)
			} else if stated[e.ID] {
				v.problem(place(dossier.ErasuresFile, n), "erasure %s is there twice", e.ID)
			} else {
				stated[e.ID] = true
				v.erasure(&e, place(dossier.ErasuresFile, n))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.erased)) {
		if !stated[id] {
			v.problem(place(dossier.InteractionsFile, v.erased[id][0].line), "it is said to be erased by %q, which the package does not show", id)
		}
	}
	return nil
}

// erasure holds the rows that are said to be erased by it against what the log says.
func (v *verification) erasure(e *dossier.Erasure, where string) {
	d, ok := v.entries.others[e.Index]
	var body struct {
		Erasure string `json:"erasure"`
		Tenant  string `json:"tenant"`
		Rows    int    `json:"rows"`
		Root    string `json:"leaves_root"`
	}
	// Rows that were sealed before their session named its tenant are the default tenant's, and are erased for
	// the tenant that was named since. That they are of the erasure the root of their leaves shows.
	tenant := v.pkg.Manifest.Scope.Tenant
	if !ok || d.Type != typeErased && d.Type != typeSwept || json.Unmarshal(d.Body, &body) != nil || body.Erasure != e.ID || tenant != defaultTenant && body.Tenant != tenant {
		v.problem(where, "entry %d of the log, as far as the package has it, does not state this erasure", e.Index)
		return
	}
	rows := v.erased[e.ID]
	slices.SortFunc(rows, func(a, b erasedRow) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	runs := e.Leaves
	if runs == nil {
		if len(rows) < body.Rows {
			v.out.Claimed += len(rows)
			return
		}
		runs = []dossier.Run{{Lines: len(rows)}}
	}
	leaves, lines, err := shown(runs)
	if err != nil || leaves != body.Rows || lines != len(rows) {
		v.problem(where, "the log says that %d rows were erased, and %d are told of, %d of them in the package, where there are %d", body.Rows, leaves, lines, len(rows))
		return
	}
	var tree seal.Tree
	for _, r := range runs {
		if r.Skip != nil {
			if err := tree.Skip(*r.Skip); err != nil {
				v.problem(where, "%v", err)
				return
			}
			continue
		}
		for range r.Lines {
			tree.Append(rows[0].leaf)
			rows = rows[1:]
		}
	}
	if tree.Root().String() != body.Root {
		v.problem(where, "the rows that are said to be erased by %s are not those that the log says", e.ID)
	}
}

// readSessions takes from the list of sessions how many events each had, so that what is not whole in the
// package is not judged by half.
func (v *verification) readSessions(ctx context.Context) error {
	if _, ok := v.pkg.File(dossier.SessionsFile); !ok {
		return nil
	}
	return v.eachLine(ctx, dossier.SessionsFile, func(line []byte, n int) error {
		var s struct {
			dossier.Session
			Unsettled string `json:"unsettled"`
		}
		if err := json.Unmarshal(line, &s); err != nil {
			v.problem(place(dossier.SessionsFile, n), "%v", err)
			return nil
		}
		key := keyOfText(v.o.Seed, s.SessionID)
		for _, k := range []*keep{v.chosen.with, v.chosen.without} {
			if t := k.talks[key]; t != nil {
				if t.events = s.Events; s.Unsettled != "" {
					t.broken = "the package says that it is not settled"
				}
			}
		}
		return nil
	})
}

// closing is what the log says of a lot.
type closing struct {
	ID      string `json:"lot_id"`
	Tenant  string `json:"tenant"`
	Zone    string `json:"zone"`
	Day     string `json:"day"`
	Members int    `json:"sessions"`
	Size    int    `json:"size"`
	Plan    struct {
		N int `json:"n"`
	} `json:"plan"`
	Root    string `json:"root"`
	LogSize uint64 `json:"log_size"`
}

// dayKey is what the log says of the key of a day.
type dayKey struct {
	committed uint64 // entry
	digest    string
	key       []byte // nil: not published yet
}

// lot is one that is being read.
type lot struct {
	dossier.Lot
	closing closing
	line    int
	members [][]byte
	rest    []string
	wrong   bool
}

// readSampling draws every lot again.
func (v *verification) readSampling(ctx context.Context) error {
	if _, ok := v.pkg.File(dossier.SamplingFile); !ok {
		return nil
	}
	keys, err := v.dayKeys()
	if err != nil {
		return err
	}
	var now *lot
	err = v.eachLine(ctx, dossier.SamplingFile, func(line []byte, n int) error {
		where := place(dossier.SamplingFile, n)
		var l dossier.SamplingLine
		if err := json.Unmarshal(line, &l, json.RejectUnknownMembers(true)); err != nil || (l.Lot == nil) == (l.Member == nil) {
			v.problem(where, "it is neither a lot nor a member of one: %v", err)
			return nil
		}
		if l.Lot != nil {
			v.draw(now, keys)
			now = &lot{Lot: *l.Lot, line: n}
			v.lot(now)
			return nil
		}
		if now == nil || len(now.members) == now.Members {
			v.problem(where, "session %s is a member of no lot", l.Member.ID)
			return nil
		}
		text, err := json.Marshal(l.Member)
		if err != nil {
			return err
		}
		now.members = append(now.members, rfc6962.DefaultHasher.HashLeaf(text))
		if l.Member.Reason == "" {
			now.rest = append(now.rest, l.Member.ID)
		}
		return nil
	})
	v.draw(now, keys)
	return err
}

// dayKeys reads what the log says of the keys of days.
func (v *verification) dayKeys() (map[string]*dayKey, error) {
	out := map[string]*dayKey{}
	for _, index := range slices.Sorted(maps.Keys(v.entries.others)) {
		d := v.entries.others[index]
		var body struct {
			Zone, Day, Digest, Key string
			Begins                 time.Time
			Late                   bool
		}
		if d.Type != typeKey && d.Type != typeKeyShown {
			continue
		}
		if err := json.Unmarshal(d.Body, &body, json.MatchCaseInsensitiveNames(true)); err != nil {
			v.problem(dossier.EntriesFile, "entry %d does not state a key: %v", index, err)
			continue
		}
		at := body.Zone + "/" + body.Day
		k := out[at]
		switch {
		case d.Type == typeKey && k == nil: // the first one counts
			out[at] = &dayKey{committed: index, digest: body.Digest}
		case d.Type == typeKeyShown && k != nil:
			key, err := hex.DecodeString(body.Key)
			if sum := sha256.Sum256(key); err != nil || hex.EncodeToString(sum[:]) != k.digest {
				v.problem(dossier.EntriesFile, "entry %d publishes another key of %s than was committed to", index, at)
				continue
			}
			k.key = key
		}
	}
	return out, nil
}

// lot checks a lot against its entry, and the checkpoint that it was drawn with.
func (v *verification) lot(l *lot) {
	where := place(dossier.SamplingFile, l.line)
	v.out.Counts.Lots++
	wrong := func(what string, args ...any) {
		l.wrong = true
		v.problem(where, "lot %s: %s", l.ID, fmt.Sprintf(what, args...))
	}
	d, ok := v.entries.others[l.Index]
	if !ok || d.Type != typeLot || json.Unmarshal(d.Body, &l.closing) != nil || l.closing.ID != l.ID || l.closing.Tenant != v.pkg.Manifest.Scope.Tenant {
		wrong("entry %d of the log, as far as the package has it, does not state this lot", l.Index)
		return
	}
	c, _, _, err := f_log.ParseCheckpoint([]byte(l.Checkpoint), v.log.verifier.Name(), v.log.verifier)
	switch {
	case err != nil:
		wrong("the checkpoint of its draw is not signed by the log: %v", err)
		return
	case c.Size != l.closing.LogSize || c.Size > l.Index:
		wrong("the checkpoint of its draw covers %d entries; the log says %d, and the lot is entry %d", c.Size, l.closing.LogSize, l.Index)
		return
	}
	path := make([][]byte, len(l.Consistency))
	for i := range path {
		path[i] = l.Consistency[i][:]
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, c.Size, v.log.size, path, c.Hash, v.log.root); err != nil {
		wrong("the checkpoint of its draw is not of the history that the package's is of: %v", err)
	}
}

// draw draws a lot again whose members are all read. Where its day's key is not published yet nobody can.
func (v *verification) draw(l *lot, keys map[string]*dayKey) {
	if l == nil || l.wrong {
		return
	}
	where := place(dossier.SamplingFile, l.line)
	wrong := func(what string, args ...any) { v.problem(where, "lot %s: %s", l.ID, fmt.Sprintf(what, args...)) }
	if len(l.members) != l.Members {
		wrong("it has %d members, and is said to have %d", len(l.members), l.Members)
		return
	}
	if len(l.members) != l.closing.Members || len(l.rest) != l.closing.Size {
		wrong("it has %d members, %d of them to draw from; the log says %d and %d", len(l.members), len(l.rest), l.closing.Members, l.closing.Size)
		return
	}
	leaves := make([]seal.Hash, len(l.members))
	for i := range leaves {
		leaves[i] = seal.HashOf(string(l.members[i]))
	}
	if root := seal.Root(leaves); root.String() != l.closing.Root {
		wrong("its members are not those that the log fixed")
		return
	}
	k := keys[l.closing.Zone+"/"+l.closing.Day]
	switch {
	case k == nil || k.committed >= l.closing.LogSize:
		wrong("the log has no commitment to the key of %s from before it was drawn", l.closing.Day)
		return
	case k.key == nil:
		if v.out.NotDrawn == nil {
			v.out.NotDrawn = []string{}
		}
		v.out.NotDrawn = append(v.out.NotDrawn, l.ID)
		return
	}
	want := drawn(k.key, []byte(l.Checkpoint), l.rest, l.closing.Plan.N)
	got := slices.Sorted(slices.Values(l.Drawn))
	if !slices.Equal(want, got) {
		wrong("the draw gives %d sessions other than those that were drawn", unequal(want, got))
	}
}

func unequal(want, got []string) (n int) {
	for _, id := range want {
		if _, ok := slices.BinarySearch(got, id); !ok {
			n++
		}
	}
	return max(n, len(got)-len(want), 1)
}

// drawn are the n sessions with the lowest HMAC-SHA-256 of the checkpoint's text and their id under the day's key,
// by id. Package sampling draws; a test holds the two together.
func drawn(key, checkpoint []byte, ids []string, n int) []string {
	text, _, _ := strings.Cut(string(checkpoint), "\n\n")
	type scored struct {
		id    string
		score []byte
	}
	all := make([]scored, len(ids))
	for i, id := range ids {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text + "\n" + id))
		all[i] = scored{id, h.Sum(nil)}
	}
	slices.SortFunc(all, func(a, b scored) int {
		if c := bytes.Compare(a.score, b.score); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	out := make([]string, min(max(n, 0), len(all)))
	for i := range out {
		out[i] = all[i].id
	}
	slices.Sort(out)
	return out
}
