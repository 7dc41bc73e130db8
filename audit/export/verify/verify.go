// Package verify checks a regulator's package with nothing but the package: no network, no system of ours, no
// file beside it.
//
//	zip ──dossier.Open──► files ──► log's key ─► checkpoint ─► entries and their proofs
//	                                                               └─► seals, one chain for each partition
//	interactions, findings ──leaves──► groups of the tenant ───────────────┘
//	    └── some sessions ──inspect, under the enclosed policies──► the same findings
//
// What it proves where it says OK: every row and every version of a finding is one that was sealed, under a
// seal that the log had when it signed the checkpoint; none of the seals' rows of the tenant was left out where
// the scope is whole; and the findings of the sessions that were judged again follow from their rows.
//
// Complete is only what was recorded by the moment that the package's maker chose, which the report names beside
// that of the newest seal.
//
// Not promised. That the log shown here is the one shown to others: compare its key and checkpoint. That a
// partition of which the package has nothing at all does not exist: the report names those that it has. That
// what was sealed is what customers said: the collector is trusted up to the moment of sealing. Nor anything of
// the files that the manifest calls unproven, and of the report for reading, but that they are unchanged.
//
// It depends on nothing that needs a server, so that the static command mingjian-verify can be built of it.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"

	"mingjian/audit/export/dossier"
	"mingjian/collector/session"
)

// Options say how to verify. The zero Options are as good as any.
type Options struct {
	// Key is the log's verifier key (C2SP signed-note) as the caller got it by another way. Without it the
	// enclosed one is used, which proves nothing of who made the package: its fingerprint is in the report.
	Key string
	// Recheck is how many sessions with findings, and how many without, are judged again; DefaultRecheck when 0,
	// none when negative, maxRecheck at most.
	Recheck int
	// Only are ids of findings, sessions or rules: the sessions that they name are judged again, and no others.
	Only []string
	// Seed chooses the sessions. Whoever makes the package must not know it.
	Seed uint64
	// Workers is how many processors are used; all when 0.
	Workers int
}

const (
	// DefaultRecheck shows with 99 per cent that fewer than 5 in 100 sessions have a wrong finding.
	DefaultRecheck = 100
	// maxRecheck bounds the memory for the sessions that are judged again.
	maxRecheck = 5_000
	// maxProblems is how many are told of; whoever changed more is not found by a longer list.
	maxProblems = 100
)

// Problem is one thing that is not as it must be.
type Problem struct {
	What  string `json:"what"`
	Where string `json:"where"` // a file of the package, with its line where there is one; or the place in the zip
}

// Report is what a verification came to.
type Report struct {
	OK       bool      `json:"ok"`
	Problems []Problem `json:"problems"`
	More     int       `json:"more_problems,omitzero"` // beyond those that are told of

	ID    string        `json:"id,omitzero"`
	Scope dossier.Scope `json:"scope"`
	// Complete reports whether the package has every interaction of the tenant and the period that was recorded by
	// the moment that the scope names; a narrower scope cannot have, nor one whose moment lies before the period's
	// end where there are newer seals.
	Complete bool `json:"complete"`
	// NewestSeal is when the newest seal of the topic was made of which the package has the log's entry: the scope
	// names the moment up to which seals are looked at, and whoever makes the package chooses it. Unix milliseconds.
	NewestSeal int64 `json:"newest_seal"`
	// Partitions are those that the package has seals of. That the topic has no others is not shown.
	Partitions []int `json:"partitions"`
	// Unread are offsets between two seals of which the later follows the earlier one: the broker no longer had
	// them when the collector came to read them. What was in them nobody knows.
	Unread []Unread `json:"never_read,omitempty"`
	// Replaced are superseded seals whose offsets were sealed again much later than the collectors' changing over
	// takes.
	Replaced []Replaced `json:"replaced,omitempty"`
	// Hidden are rows and versions of findings of the period that are sealed as the default tenant's and not
	// shown, because their sessions turned out to be another tenant's. That they are is not shown either.
	Hidden int `json:"hidden,omitzero"`
	// Claimed are rows that the package says were erased by an erasure that the log states, which was of more
	// rows than the package has, and is not shown to have been of these.
	Claimed  int      `json:"claimed,omitzero"`
	Log      Log      `json:"log"`
	Counts   Counts   `json:"counts"`
	NotDrawn []string `json:"not_drawn,omitempty"` // lots whose day's key was not published yet: nobody can draw them again
	Unproven []string `json:"unproven,omitempty"`  // files that are unchanged, and of which nothing else is known
	// NotRechecked counts sessions that were chosen and could not be judged again, by reason.
	NotRechecked map[string]int `json:"not_rechecked,omitempty"`
}

// Unread is a run of offsets that were never read, both ends included.
type Unread struct {
	Partition int   `json:"partition"`
	First     int64 `json:"first_offset"`
	Last      int64 `json:"last_offset"`
}

// Replaced is a seal in whose place another one stands, with the moments at which they were made, Unix
// milliseconds.
type Replaced struct {
	Seal string `json:"seal"`
	At   int64  `json:"at"`
	By   string `json:"by"`
	ByAt int64  `json:"by_at"`
}

// Log is whose signatures were checked.
type Log struct {
	Origin      string `json:"origin"`
	Size        uint64 `json:"size"` // entries under the checkpoint
	Fingerprint string `json:"key_sha256"`
	Pinned      bool   `json:"key_pinned"` // the caller gave the key
}

// Counts are what was checked.
type Counts struct {
	Interactions int `json:"interactions"`
	Erased       int `json:"erased"`  // of them
	Outside      int `json:"outside"` // of them: only the moment is told, which is not in the period
	Sessions     int `json:"sessions"`
	Findings     int `json:"findings"` // that stand
	Versions     int `json:"finding_versions"`
	Beside       int `json:"finding_versions_beside"` // of groups outside of the period, not shown
	Seals        int `json:"seals"`
	Superseded   int `json:"superseded_seals"`
	Partitions   int `json:"partitions"`
	Entries      int `json:"log_entries"`
	Lots         int `json:"lots"`
	Files        int `json:"files"`
	Rechecked    int `json:"rechecked_sessions"`
	Refound      int `json:"rechecked_findings"`
}

// Package verifies a package of so many bytes. What is wrong with it is in the report; an error says that it
// could not be read.
func Package(ctx context.Context, zip io.ReaderAt, size int64, o Options) (*Report, error) {
	v := &verification{o: o, out: &Report{Problems: []Problem{}}, read: map[string]bool{}, sessions: map[sessionKey]*tally{}, erased: map[string][]erasedRow{}}
	if v.o.Workers <= 0 {
		v.o.Workers = runtime.GOMAXPROCS(0)
	}
	err := v.run(ctx, zip, size)
	if err != nil {
		return nil, fmt.Errorf("verify the package: %w", err)
	}
	v.out.OK = len(v.out.Problems) == 0
	v.out.Hidden, v.out.Counts.Beside = int(v.hidden.Load()), int(v.beside.Load())
	v.out.Complete = v.out.OK && v.out.Scope.Whole() && !v.out.early() && v.out.Hidden+v.out.Claimed+len(v.out.Unread)+len(v.out.Replaced) == 0
	return v.out, nil
}

// early reports whether seals are looked at only up to a moment before the period's end and before the newest.
func (r *Report) early() bool { return r.Scope.RecordedBy < min(r.Scope.To, r.NewestSeal) }

// verification is one on its way.
type verification struct {
	o    Options
	out  *Report
	pkg  *dossier.Reader
	read map[string]bool // files that were read to their end, or found to be wrong

	log      trust
	entries  entries
	seals    []sealed
	versions history
	chosen   *choice
	hidden   atomic.Int64
	beside   atomic.Int64
	erased   map[string][]erasedRow // by erasure
	sessions map[sessionKey]*tally
	policies map[string]map[string][]byte // files by revision
}

// problem notes what is wrong.
func (v *verification) problem(where, what string, args ...any) {
	if len(v.out.Problems) >= maxProblems {
		v.out.More++
		return
	}
	v.out.Problems = append(v.out.Problems, Problem{What: fmt.Sprintf(what, args...), Where: where})
}

// fault notes what is wrong with the package's form, and gives back any other error.
func (v *verification) fault(err error) error {
	var fault *dossier.Fault
	var faults dossier.Faults
	switch {
	case errors.As(err, &faults):
		for _, f := range faults {
			v.problem(f.Where, "%s", f.What)
		}
	case errors.As(err, &fault):
		v.problem(fault.Where, "%s", fault.What)
	default:
		return err
	}
	return nil
}

func (v *verification) run(ctx context.Context, zip io.ReaderAt, size int64) error {
	var err error
	if v.pkg, err = dossier.Open(zip, size); err != nil {
		return v.fault(err)
	}
	m := &v.pkg.Manifest
	v.out.ID, v.out.Scope, v.out.Unproven, v.out.Counts.Files = m.ID, m.Scope, m.Unproven, len(m.Files)+2
	for _, step := range []func(context.Context) error{
		v.readLog, v.readEntries, v.readSeals, v.readPolicies, v.choose, v.readFindings, v.readRows, v.readErasures, v.readSessions,
		v.readSampling, v.readRest, v.recheck,
	} {
		if err := step(ctx); err != nil {
			if err := v.fault(err); err != nil {
				return err
			}
			if v.log.verifier == nil || v.entries.byIndex == nil {
				break // nothing behind this can be said without
			}
		}
	}
	return nil
}

// maxSmall is how large a file may be that is read in one piece.
const maxSmall = 16 << 20

// file reads a small file. That it is not there is a problem of its own.
func (v *verification) file(name string) ([]byte, error) {
	v.read[name] = true
	f, ok := v.pkg.File(name)
	if !ok {
		return nil, &dossier.Fault{Where: name, What: "it is not in the package"}
	}
	if f.Bytes > maxSmall {
		return nil, &dossier.Fault{Where: name, What: fmt.Sprintf("%d bytes are more than such a file may have", f.Bytes)}
	}
	in, err := v.pkg.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(in)
}

// trust is the log as its key and its checkpoint make it.
type trust struct {
	verifier   note.Verifier
	checkpoint []byte // as it was signed
	root       []byte
	size       uint64
}

// readRest reads what is only ever compared with the manifest, and the lines of data with its counts.
func (v *verification) readRest(ctx context.Context) error {
	for _, f := range v.pkg.Manifest.Files {
		if v.read[f.Name] {
			continue
		}
		if strings.HasPrefix(f.Name, "data/") && strings.HasSuffix(f.Name, ".jsonl") {
			if err := v.fault(v.eachLine(ctx, f.Name, func([]byte, int) error { return nil })); err != nil {
				return err
			}
			continue
		}
		v.read[f.Name] = true
		in, err := v.pkg.Open(f.Name)
		if err == nil {
			_, err = io.Copy(io.Discard, in)
			err = errors.Join(err, in.Close())
		}
		if err := v.fault(err); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.pkg.Manifest.Counts)) {
		if _, ok := v.pkg.File(name); !ok {
			v.problem(dossier.ManifestFile, "it counts lines of %s, which is not in the package", name)
		}
	}
	for _, name := range v.out.Unproven {
		if _, ok := v.pkg.File(name); !ok {
			v.problem(dossier.ManifestFile, "it speaks of %s, which is not in the package", name)
		}
		if slices.Contains(proven, name) {
			v.problem(dossier.ManifestFile, "it calls %s unproven, and it must be proven", name)
		}
	}
	return nil
}

// defaultTenant is whose rows are that named no tenant when they were sealed (event model, version 1).
const defaultTenant = session.DefaultTenant

// proven are the files of which every line is held against the log.
var proven = []string{dossier.SealsFile, dossier.EntriesFile, dossier.InteractionsFile, dossier.FindingsFile, dossier.SamplingFile, dossier.ErasuresFile}
