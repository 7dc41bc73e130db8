package evidence

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mingjian/audit/store"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// The types of entries that the notary makes by following, and what their keys begin with. Behind it stands
// the seal's id, the revision, finding id and version, or the journal entry's id.
const (
	TypeSeal      = "seal"
	TypePolicies  = "policies.used"
	TypeIndicator = "indicator.found"
	TypeJournal   = "journal.recorded"

	KeySeal      = "seal:"
	KeyPolicies  = "policies:"
	KeyIndicator = "indicator:"
	KeyJournal   = "journal:"
)

// SealBody is what the log says of a seal. ID is Header's; Header is canonical, so that its leaf hash is the
// id. Superseded seals are in the log as those that stand are: the chain tells which do.
type SealBody struct {
	Header jsontext.Value `json:"header"`
	ID     string         `json:"id"`
}

// PoliciesBody is what the log says of a revision of the policies.
type PoliciesBody struct {
	Files    seal.Hash `json:"files"` // SHA-256 of the files as the record has them
	Fold     int       `json:"fold"`
	Revision string    `json:"revision"`
}

// IndicatorBody is what the log says of a version of an indicator's finding. Leaf is of its seal.Finding.
type IndicatorBody struct {
	FindingID string    `json:"finding_id"`
	Leaf      seal.Hash `json:"leaf"`
	Rule      string    `json:"rule"`
	Standing  bool      `json:"standing"`
	Tenant    string    `json:"tenant"`
	Version   int64     `json:"version"`
}

// PoliciesOf says of a revision what the log does.
func PoliciesOf(p *warehouse.Policies) PoliciesBody {
	return PoliciesBody{Files: seal.Commitment(p.Files), Fold: p.Fold, Revision: p.Revision}
}

// IndicatorOf says of a version of an indicator's finding what the log does.
func IndicatorOf(f *warehouse.Finding) IndicatorBody {
	v := sealed.Version(f)
	return IndicatorBody{FindingID: f.ID, Leaf: seal.HashOf(v.Leaf), Rule: f.Rule, Standing: v.Standing, Tenant: f.Tenant, Version: f.Version}
}

// IndicatorKey is the key of its entry.
func IndicatorKey(f *warehouse.Finding) string {
	return fmt.Sprintf("%s%s:%d", KeyIndicator, f.ID, f.Version)
}

// Record is what the notary reads of the record; *warehouse.Store is one.
type Record interface {
	SealedPartitions(ctx context.Context) ([]warehouse.Partition, error)
	SealMarks(ctx context.Context, p warehouse.Partition, from int64, each func(warehouse.SealMark) error) error
	SealHeaders(ctx context.Context, p warehouse.Partition, first, last int64, each func(*warehouse.Seal) error) error
	Revisions(ctx context.Context) ([]string, error)
	Policies(ctx context.Context, revision string) (warehouse.Policies, bool, error)
	IndicatorFindings(ctx context.Context, each func(*warehouse.Finding) error) error
	// Settle returns when what could be read before it was called will still be there after a loss of power.
	Settle(ctx context.Context) error
}

const (
	// lookEvery is how often the notary looks for new seals, and so how old the newest seal outside the log
	// is at most, beside what it takes to append it.
	lookEvery = time.Second
	// lookSlowly is how often it looks for what seldom comes: revisions and findings of indicators.
	lookSlowly = 15 * time.Second
	// sweepEvery is how often it goes through all seals. What comes late comes within seconds of others and is
	// found by looking back; a sweep finds the rest, such as what was restored from a backup.
	sweepEvery = 24 * time.Hour
	// lookBack is how many of a partition's newest seals are looked at each time. Another owner's seals begin
	// where the fork does, as far back as warehouse.Store.Progress looks for the newest one that stands.
	lookBack = 1000
	// asked is how many keys the store is asked for at a time.
	asked = 500
)

// Run follows the record and the journal, and appends what it finds there and what is queued, until ctx ends,
// and then returns nil. What fails is logged and tried again.
func (n *Notary) Run(ctx context.Context, record Record) error {
	f := &follower{Notary: n, record: record, from: map[warehouse.Partition]int64{}, refused: map[string]bool{}, known: map[string]bool{}}
	stamping := make(chan struct{})
	go func() {
		defer close(stamping)
		n.stampLoop(ctx)
	}()
	defer func() { <-stamping }()
	var swept, slow time.Time
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for told := ""; ; {
		now := time.Now()
		sweep, slowly := now.Sub(swept) >= sweepEvery, now.Sub(slow) >= lookSlowly
		err := f.look(ctx, sweep, slowly)
		if err == nil && sweep {
			swept = now
		}
		if err == nil && slowly {
			slow = now
		}
		if err == nil {
			err = n.Flush(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && err.Error() != told { // once for each fault, not once a second
			n.logger.WarnContext(ctx, "the evidence log does not keep up with the record; trying again", "error", err)
		}
		told = ""
		if err != nil {
			told = err.Error()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Follow looks once for everything that is to be in the log, and appends it.
func (n *Notary) Follow(ctx context.Context, record Record) error {
	f := &follower{Notary: n, record: record, from: map[warehouse.Partition]int64{}, refused: map[string]bool{}, known: map[string]bool{}}
	if err := f.look(ctx, true, true); err != nil {
		return err
	}
	return n.Flush(ctx)
}

// follower finds what is to be in the log and is not queued yet. What is queued is the cursor, so that a
// restart skips nothing.
type follower struct {
	*Notary
	record  Record
	from    map[warehouse.Partition]int64 // where looking back begins
	refused map[string]bool               // seals that are not what they say; told once
	known   map[string]bool               // keys of what seldom comes that are queued
	journal int64                         // the newest journal entry of which all before are queued
}

func (f *follower) look(ctx context.Context, sweep, slowly bool) error {
	if sweep {
		clear(f.from)
		f.journal = 0
	}
	if err := f.followJournal(ctx); err != nil {
		return fmt.Errorf("follow the journal: %w", err)
	}
	partitions, err := f.record.SealedPartitions(ctx)
	if err != nil {
		return fmt.Errorf("follow the seals: %w", err)
	}
	for _, p := range partitions {
		if err := f.followSeals(ctx, p); err != nil {
			return fmt.Errorf("follow the seals of %s: %w", p, err)
		}
	}
	if !slowly {
		return nil
	}
	if err := f.followPolicies(ctx); err != nil {
		return fmt.Errorf("follow the policies: %w", err)
	}
	if err := f.followIndicators(ctx); err != nil {
		return fmt.Errorf("follow the indicators: %w", err)
	}
	return nil
}

// followSeals queues a partition's seals that are not queued, each behind the one that it follows.
func (f *follower) followSeals(ctx context.Context, p warehouse.Partition) error {
	var newest []int64 // the first offsets of the newest seals
	var some []warehouse.SealMark
	settle := func() error {
		if err := f.queueSeals(ctx, p, some); err != nil {
			return err
		}
		some = some[:0]
		return nil
	}
	err := f.record.SealMarks(ctx, p, f.from[p], func(m warehouse.SealMark) error {
		// Seals over no offsets begin where the next one does: they are not parted from it.
		if len(some) >= asked && some[len(some)-1].First != m.First {
			if err := settle(); err != nil {
				return err
			}
			if err := f.Flush(ctx); err != nil { // so that a first look over many does not gather them all
				return err
			}
		}
		some = append(some, m)
		if newest = append(newest, m.First); len(newest) > 2*lookBack {
			newest = append(newest[:0], newest[lookBack:]...)
		}
		return nil
	})
	if err == nil {
		err = settle()
	}
	if err == nil && len(newest) > lookBack {
		f.from[p] = newest[len(newest)-lookBack]
	}
	return err
}

func (f *follower) queueSeals(ctx context.Context, p warehouse.Partition, some []warehouse.SealMark) error {
	var ids []string
	for _, m := range some {
		if !f.refused[m.ID] {
			ids = append(ids, m.ID)
		}
	}
	missing, err := f.missing(ctx, KeySeal, ids)
	if err != nil || len(missing) == 0 {
		return err
	}
	first, last := some[len(some)-1].First, int64(-1)
	for _, m := range some {
		if missing[m.ID] {
			first, last = min(first, m.First), max(last, m.First)
		}
	}
	var rows []*warehouse.Seal
	if err := f.record.SealHeaders(ctx, p, first, last, func(s *warehouse.Seal) error {
		if missing[s.ID] {
			rows = append(rows, s)
		}
		return nil
	}); err != nil {
		return err
	}
	var entries []Entry
	for _, s := range inChainOrder(rows) {
		h, err := sealed.Header(s)
		if err == nil && h.ID() != s.ID {
			err = fmt.Errorf("its id is not that of what it says")
		}
		if err == nil {
			err = h.Check()
		}
		if err != nil {
			f.refused[s.ID] = true
			f.logger.ErrorContext(ctx, "a seal was changed before it was in the evidence log: it is left out", "seal", s.ID, "partition", p.String(), "first_offset", s.First, "error", err)
			continue
		}
		entries = append(entries, Entry{Key: KeySeal + s.ID, Type: TypeSeal, At: f.store.Now(), Body: SealBody{Header: h.Canonical(), ID: s.ID}})
	}
	return f.queueRead(ctx, entries)
}

// inChainOrder puts each seal behind the one that it follows. Where two follow one, or none is there, they are
// ordered by offsets, moment and id.
func inChainOrder(rows []*warehouse.Seal) []*warehouse.Seal {
	slices.SortFunc(rows, func(a, b *warehouse.Seal) int {
		return strings.Compare(fmt.Sprintf("%020d %020d %020d %s", a.First, a.Last+1, a.At, a.ID), fmt.Sprintf("%020d %020d %020d %s", b.First, b.Last+1, b.At, b.ID))
	})
	waiting := make(map[string]*warehouse.Seal, len(rows))
	for _, s := range rows {
		waiting[s.ID] = s
	}
	out := make([]*warehouse.Seal, 0, len(rows))
	for _, s := range rows {
		at := len(out)
		for s := s; s != nil; {
			if waiting[s.ID] == nil {
				break // it is there already
			}
			delete(waiting, s.ID)
			out = append(out, s)
			s = waiting[s.Previous]
		}
		slices.Reverse(out[at:])
	}
	return out
}

// missing gives those of ids whose key is not queued.
func (n *Notary) missing(ctx context.Context, prefix string, ids []string) (map[string]bool, error) {
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	err := n.store.Read(ctx, func(tx *store.Tx) error {
		for part := range slices.Chunk(ids, asked) {
			places, keys := make([]string, len(part)), make([]any, len(part))
			for i, id := range part {
				places[i], keys[i] = fmt.Sprintf("$%d", i+1), prefix+id
			}
			rows, err := tx.QueryContext(ctx, `SELECT key FROM evidence_entries WHERE key IN (`+strings.Join(places, ", ")+`)`, keys...)
			if err != nil {
				return err
			}
			for rows.Next() {
				var key string
				if err := rows.Scan(&key); err != nil {
					rows.Close()
					return err
				}
				delete(out, strings.TrimPrefix(key, prefix))
			}
			if err := rows.Close(); err != nil {
				return err
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (n *Notary) queue(ctx context.Context, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return n.store.Write(ctx, func(tx *store.Tx) error { return Queue(ctx, tx, entries...) })
}

// queueRead queues what was read of the record. The log must not know of a seal that a loss of power takes from the
// record: nobody could tell that from one that was deleted.
func (f *follower) queueRead(ctx context.Context, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := f.record.Settle(ctx); err != nil {
		return err
	}
	return f.queue(ctx, entries)
}

// unknown gives those of ids that are not queued, and remembers the others.
func (f *follower) unknown(ctx context.Context, prefix string, ids []string) (map[string]bool, error) {
	ids = slices.DeleteFunc(ids, func(id string) bool { return f.known[prefix+id] })
	missing, err := f.missing(ctx, prefix, ids)
	for _, id := range ids {
		if err == nil && !missing[id] {
			f.known[prefix+id] = true
		}
	}
	return missing, err
}

// followPolicies queues the revisions that came into use.
func (f *follower) followPolicies(ctx context.Context) error {
	revisions, err := f.record.Revisions(ctx)
	if err != nil {
		return err
	}
	missing, err := f.unknown(ctx, KeyPolicies, revisions)
	if err != nil {
		return err
	}
	var entries []Entry
	for _, revision := range revisions {
		if !missing[revision] {
			continue
		}
		p, ok, err := f.record.Policies(ctx, revision)
		if err != nil {
			return err
		}
		if ok {
			entries = append(entries, Entry{Key: KeyPolicies + revision, Type: TypePolicies, At: f.store.Now(), Body: PoliciesOf(&p)})
		}
	}
	return f.queueRead(ctx, entries)
}

// followIndicators queues the versions of indicators' findings.
func (f *follower) followIndicators(ctx context.Context) error {
	var found []*warehouse.Finding
	var keys []string
	if err := f.record.IndicatorFindings(ctx, func(v *warehouse.Finding) error {
		if key := IndicatorKey(v); !f.known[key] {
			found, keys = append(found, v), append(keys, strings.TrimPrefix(key, KeyIndicator))
		}
		return nil
	}); err != nil {
		return err
	}
	missing, err := f.unknown(ctx, KeyIndicator, slices.Compact(keys))
	if err != nil {
		return err
	}
	var entries []Entry
	for _, v := range found {
		if key := IndicatorKey(v); missing[strings.TrimPrefix(key, KeyIndicator)] {
			entries = append(entries, Entry{Key: key, Type: TypeIndicator, At: f.store.Now(), Body: IndicatorOf(v)})
		}
	}
	return f.queueRead(ctx, entries)
}
