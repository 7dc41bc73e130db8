package collector_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"

	"mingjian/collector/seal"
	proof "mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// ledger is the record in memory: rows of equal key replace each other as the tables' do.
type ledger struct {
	mu           sync.Mutex
	interactions map[[3]string]warehouse.Interaction // tenant, session, event
	sessions     map[[2]string]warehouse.Session     // session, tenant
	findings     map[string]warehouse.Finding        // id
	rejects      map[int]map[int64]warehouse.Reject  // partition, offset
	versions     map[versionKey]warehouse.FindingVersion
	seals        map[string]warehouse.Seal     // id
	policies     map[string]warehouse.Policies // revision
	away         error                         // what every call answers while it is set
	calls        map[string]int
}

// versionKey is where a version of a finding stands: the seal's id, and its number there.
type versionKey struct {
	seal    string
	ordinal int
}

func newLedger() *ledger {
	return &ledger{
		interactions: map[[3]string]warehouse.Interaction{}, sessions: map[[2]string]warehouse.Session{},
		findings: map[string]warehouse.Finding{}, rejects: map[int]map[int64]warehouse.Reject{},
		versions: map[versionKey]warehouse.FindingVersion{}, seals: map[string]warehouse.Seal{}, policies: map[string]warehouse.Policies{}, calls: map[string]int{},
	}
}

func (l *ledger) enter(call string) (func(), error) {
	l.mu.Lock()
	l.calls[call]++
	if l.away != nil {
		defer l.mu.Unlock()
		return nil, l.away
	}
	return l.mu.Unlock, nil
}

func (l *ledger) leaveFor(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = err
}

func (l *ledger) Write(_ context.Context, b *warehouse.Batch) error {
	done, err := l.enter("write")
	if err != nil {
		return err
	}
	defer done()
	if b.Policies != nil {
		l.policies[b.Policies.Revision] = *b.Policies
	}
	for _, r := range b.Interactions {
		k := [3]string{r.Tenant, r.SessionID, r.EventID}
		if old, ok := l.interactions[k]; !ok || r.Version >= old.Version {
			l.interactions[k] = r
		}
	}
	for _, r := range b.Rejects {
		if l.rejects[r.Partition] == nil {
			l.rejects[r.Partition] = map[int64]warehouse.Reject{}
		}
		l.rejects[r.Partition][r.Offset] = r
	}
	for _, r := range b.Findings {
		if old, ok := l.findings[r.ID]; !ok || r.Version >= old.Version {
			l.findings[r.ID] = r
		}
	}
	for _, v := range b.Versions {
		l.versions[versionKey{v.Seal, v.Ordinal}] = v
	}
	for _, r := range b.Sessions {
		k := [2]string{r.SessionID, r.Tenant}
		if old, ok := l.sessions[k]; !ok || r.Version >= old.Version {
			l.sessions[k] = r
		}
	}
	if b.Seal != nil {
		l.seals[b.Seal.ID] = *b.Seal
	}
	return nil
}

// standing gives the chain of seals for each partition; a ledger is of one topic.
func (l *ledger) standing() map[int][]warehouse.Seal {
	follows := map[int]map[string]warehouse.Seal{}
	for _, s := range l.seals {
		if follows[s.Partition] == nil {
			follows[s.Partition] = map[string]warehouse.Seal{}
		}
		if other, ok := follows[s.Partition][s.Previous]; !ok || s.Generation > other.Generation {
			follows[s.Partition][s.Previous] = s
		}
	}
	out := map[int][]warehouse.Seal{}
	for p, next := range follows {
		for s, ok := next[""]; ok; s, ok = next[s.ID] {
			out[p] = append(out[p], s)
		}
	}
	return out
}

func (l *ledger) Progress(context.Context, string) (map[int]warehouse.Seal, error) {
	done, err := l.enter("progress")
	if err != nil {
		return nil, err
	}
	defer done()
	out := map[int]warehouse.Seal{}
	for p, chain := range l.standing() {
		out[p] = chain[len(chain)-1]
	}
	return out, nil
}

func (l *ledger) snapshots(match func(warehouse.Session) bool) []warehouse.Snapshot {
	var out []warehouse.Snapshot
	for _, s := range l.sessions {
		if s.Deleted || !match(s) {
			continue
		}
		snap := warehouse.Snapshot{Session: s}
		for _, f := range l.findings {
			if f.SessionID == s.SessionID && f.Tenant == s.Tenant && !f.Deleted {
				snap.Findings = append(snap.Findings, f)
			}
		}
		out = append(out, snap)
	}
	return out
}

func (l *ledger) Open(_ context.Context, topic string, partition int, each func(warehouse.Snapshot) error) error {
	done, err := l.enter("open")
	if err != nil {
		return err
	}
	found := l.snapshots(func(s warehouse.Session) bool {
		return s.Topic == topic && s.Partition == partition && s.Pending
	})
	done()
	for _, s := range found {
		err = errors.Join(err, each(s))
	}
	return err
}

func (l *ledger) Snapshots(_ context.Context, topic string, ids []string) ([]warehouse.Snapshot, error) {
	done, err := l.enter("snapshots")
	if err != nil {
		return nil, err
	}
	defer done()
	l.calls["ids"] += len(ids)
	return l.snapshots(func(s warehouse.Session) bool { return s.Topic == topic && slices.Contains(ids, s.SessionID) }), nil
}

func (l *ledger) SessionHashes(_ context.Context, each func(uint64)) error {
	done, err := l.enter("hashes")
	if err != nil {
		return err
	}
	defer done()
	for k := range l.sessions {
		each(xxhash.Sum64String(k[0]))
	}
	return nil
}

func (l *ledger) Events(_ context.Context, tenant, sessionID string) ([]warehouse.Interaction, error) {
	done, err := l.enter("events")
	if err != nil {
		return nil, err
	}
	defer done()
	var out []warehouse.Interaction
	for k, r := range l.interactions {
		if k[0] == tenant && k[1] == sessionID && !r.Deleted {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b warehouse.Interaction) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Offset, b.Offset))
	})
	return out, nil
}

// unproven tells what the standing seals do not prove: rows that are not those they commit to, and findings no
// version of which any of them has.
func (l *ledger) unproven() (faults []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	type version struct {
		id      string
		version int64
	}
	proven := map[version]bool{}
	for partition, chain := range l.standing() {
		for i := range chain {
			s, err := proof.Read(&chain[i])
			if err == nil {
				err = s.Check((&ring{}).Blinding)
			}
			if err != nil {
				faults = append(faults, fmt.Sprintf("seal of partition %d at %d: %v", partition, chain[i].First, err))
				continue
			}
			var has proof.Contents
			placed := map[int64]bool{}
			for _, r := range l.interactions {
				within := r.Partition == partition && r.Offset >= s.Header.First && r.Offset <= s.Header.Last
				if within && !r.Deleted && !placed[r.Offset] {
					placed[r.Offset] = true
					has.Rows = append(has.Rows, seal.Row{Offset: r.Offset, At: r.At, Tenant: proof.Tenant(&r), Leaf: proof.Leaf(&r)})
				}
			}
			for at, r := range l.rejects[partition] {
				if at >= s.Header.First && at <= s.Header.Last {
					has.Rejects = append(has.Rejects, seal.Placed{Offset: at, Leaf: proof.RejectLeaf(&r)})
				}
			}
			for n := range s.Header.Findings {
				v := l.versions[versionKey{s.ID, n}]
				has.Findings = append(has.Findings, seal.Found{Tenant: v.Tenant, Leaf: seal.Leaf(proof.Finding(&v).Canonical())})
				proven[version{v.ID, v.Version}] = true
			}
			missing, wrong := s.Faults(has, true)
			for _, at := range missing {
				wrong = append(wrong, fmt.Sprintf("nothing stands at offset %d", at))
			}
			for _, what := range wrong {
				faults = append(faults, fmt.Sprintf("seal of partition %d at %d: %s", partition, s.Header.First, what))
			}
		}
	}
	for _, f := range l.findings {
		if !f.Deleted && !proven[version{f.ID, f.Version}] {
			faults = append(faults, fmt.Sprintf("no seal has version %d of finding %s of session %s", f.Version, f.Rule, f.SessionID))
		}
	}
	slices.Sort(faults)
	return faults
}

// errKilled is what a killed process's calls come to.
var errKilled = errors.New("killed")

// mortal lets a process write so many kinds of rows; with the one after them the process is killed:
// either before these rows are durable or after, and before it learns of it.
type mortal struct {
	*ledger
	mu    sync.Mutex
	left  int
	after bool // the last rows become durable
	kill  func()
	dead  bool
}

func (m *mortal) Write(ctx context.Context, b *warehouse.Batch) error {
	if b.Policies != nil {
		// Written when a worker begins, before anything else and again at the next beginning: a process that
		// is killed there has not begun.
		return m.ledger.Write(ctx, b)
	}
	for _, part := range []*warehouse.Batch{
		{Interactions: b.Interactions}, {Rejects: b.Rejects}, {Versions: b.Versions}, {Findings: b.Findings}, {Sessions: b.Sessions}, {Seal: b.Seal},
	} {
		if len(part.Interactions)+len(part.Rejects)+len(part.Versions)+len(part.Findings)+len(part.Sessions) == 0 && part.Seal == nil {
			continue
		}
		if err := m.step(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (m *mortal) step(ctx context.Context, part *warehouse.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errKilled
	}
	if m.left > 0 {
		m.left--
		return m.ledger.Write(ctx, part)
	}
	m.dead = true
	m.kill()
	if m.after {
		if err := m.ledger.Write(ctx, part); err != nil {
			return err
		}
	}
	return errKilled
}
