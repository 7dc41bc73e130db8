package fsck

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"mingjian/audit/evidence"
	"mingjian/collector/seal"
	"mingjian/collector/warehouse"
)

// sealEntry is where the log has a seal.
type sealEntry struct {
	index uint64
	seen  bool // the record has it
}

// entries are what a check remembers of the log's.
type entries struct {
	*evidence.Log
	size       uint64
	tree       *compact.Range
	damaged    bool // what it lacks may have been changed
	checkpoint evidence.Checkpoint
	seals      map[seal.Hash]sealEntry
	erasures   map[string]erasureEntry
	policies   map[string]evidence.PoliciesBody
	indicators map[string]indicatorEntry
	journal    map[int64]journalEntry
	stamps     map[uint64]evidence.StampBody
	doubts     map[uint64]doubt
}

// indicatorEntry is a version of an indicator's finding.
type indicatorEntry struct {
	evidence.IndicatorBody
	at time.Time
}

type journalEntry struct {
	commitment seal.Hash
	index      uint64
	seen       bool
}

// take remembers an entry. One that is not what its type says is a fault of whoever signed it.
func (e *entries) take(index uint64, text []byte) error {
	d, err := evidence.ReadEntry(index, text)
	if err != nil {
		return err
	}
	read := func(body any) error {
		if err := json.Unmarshal(d.Body, body); err != nil {
			return fmt.Errorf("it is no %s: %w", d.Type, err)
		}
		return nil
	}
	switch d.Type {
	case evidence.TypeSeal:
		var b evidence.SealBody
		if err := read(&b); err != nil {
			return err
		}
		var id seal.Hash
		if err := id.UnmarshalText([]byte(b.ID)); err != nil || seal.Leaf(b.Header) != id || d.Key != evidence.KeySeal+b.ID {
			return fmt.Errorf("the id of its seal is not that of what it says")
		}
		e.seals[id] = sealEntry{index: index, seen: e.seals[id].seen}
	case evidence.TypePolicies:
		var b evidence.PoliciesBody
		if err := read(&b); err != nil {
			return err
		}
		e.policies[b.Revision] = b
	case evidence.TypeIndicator:
		var b evidence.IndicatorBody
		if err := read(&b); err != nil {
			return err
		}
		e.indicators[d.Key] = indicatorEntry{b, d.At}
	case evidence.TypeJournal:
		var b evidence.JournalBody
		if err := read(&b); err != nil {
			return err
		}
		e.journal[b.ID] = journalEntry{commitment: b.Commitment, index: index, seen: e.journal[b.ID].seen}
	case evidence.TypeStamp:
		var b evidence.StampBody
		if err := read(&b); err != nil {
			return err
		}
		e.stamps[b.Size] = b
	default:
		var b erasureEntry
		if json.Unmarshal(d.Body, &b) == nil && b.Erasure != "" && b.Root != nil {
			e.erasures[b.Erasure] = b
		}
	}
	return nil
}

// readable reports whether the log could be read at all, so that what it lacks tells something.
func (e *entries) readable() bool { return e.tree != nil }

// header reads a seal's header from the log.
func (e *entries) header(ctx context.Context, index uint64) (h seal.Header, err error) {
	found, err := e.Read(ctx, index, 1)
	if err != nil || len(found) == 0 {
		return h, fmt.Errorf("entry %d of the log cannot be read: %w", index, err)
	}
	var b evidence.SealBody
	if err = json.Unmarshal(found[0].Body, &b); err == nil {
		err = json.Unmarshal(b.Header, &h)
	}
	return h, err
}

// grow takes what the log has got since.
func (e *entries) grow(ctx context.Context) error {
	if e.Log == nil || e.damaged {
		return nil
	}
	c, err := e.Log.Checkpoint(ctx)
	if err != nil || c.Size == e.size {
		return err
	}
	if c.Size < e.size {
		return fmt.Errorf("it covered %d entries, and now %d", e.size, c.Size)
	}
	for from := e.size; from < c.Size; {
		more, err := e.Read(ctx, from, c.Size-from)
		if err != nil {
			return err
		}
		if len(more) == 0 {
			return fmt.Errorf("it covers %d entries, and only %d are there", c.Size, from)
		}
		for _, r := range more {
			if r.Index == c.Size { // the log grew again
				break
			}
			if err := e.tree.Append(rfc6962.DefaultHasher.HashLeaf(r.Text), nil); err != nil {
				return err
			}
			if err := e.take(r.Index, r.Text); err != nil {
				return fmt.Errorf("entry %d: %w", r.Index, err)
			}
			from = r.Index + 1
		}
	}
	root, err := e.tree.GetRootHash(nil)
	if err != nil {
		return err
	}
	e.size, e.checkpoint = c.Size, c
	if !bytes.Equal(root, c.Root) {
		e.damaged = true
		return fmt.Errorf("it does not cover the entries that are there")
	}
	return nil
}

// checkLog goes through the log's directory.
func (c *check) checkLog(ctx context.Context) error {
	c.log = entries{
		damaged: true, seals: map[seal.Hash]sealEntry{}, erasures: map[string]erasureEntry{}, policies: map[string]evidence.PoliciesBody{},
		indicators: map[string]indicatorEntry{}, journal: map[int64]journalEntry{}, stamps: map[uint64]evidence.StampBody{}, doubts: map[uint64]doubt{},
	}
	log, err := evidence.OpenLog(c.Dir)
	if err != nil {
		if _, there := os.Stat(c.Dir); there != nil {
			return err
		}
		c.fault("log", evidence.VerifierFile, "%v", err)
		return nil
	}
	c.log.Log = log
	if err := log.CheckVerifier(); err != nil {
		c.fault("log", evidence.VerifierFile, "it was changed: %v", err)
	}
	checkpoint, err := log.Checkpoint(ctx)
	if err == nil {
		err = evidence.CheckSpelling(checkpoint.Note)
	}
	if err != nil {
		c.fault("log", "checkpoint", "%v; it was changed, or %s was", err, evidence.VerifierFile)
		return nil
	}
	listed, strangers, err := listFiles(c.Dir)
	if err != nil {
		return err
	}
	for _, path := range strangers {
		c.fault("log", path, "it is no part of a log")
	}
	before := len(c.report.Faults)
	r := &reader{files: listed, size: checkpoint.Size, fault: func(file, what string, args ...any) { c.fault("log", file, what, args...) }}
	r.each = func(index uint64, text []byte) error {
		if err := c.log.take(index, text); err != nil {
			c.fault("log", fmt.Sprintf("entry %d", index), "%v", err)
		}
		return nil
	}
	if err := r.readAll(); err != nil {
		return err
	}
	texts, hashes, err := r.roots()
	if err != nil {
		return err
	}
	entriesFit, hashesFit := bytes.Equal(texts, checkpoint.Root), bytes.Equal(hashes, checkpoint.Root)
	for _, d := range r.doubts {
		c.log.doubts[d.index] = d
		where := fmt.Sprintf("entry %d", d.index)
		switch {
		case d.bundle == "": // its file is named
		case d.index >= r.size: // not signed yet, or being written
		case hashesFit:
			c.fault("log", where, "its text in %s was changed: the hash in the signed tree is of another", d.bundle)
		case entriesFit:
			c.fault("log", where, "its hash in %s was changed: the signed tree has that of its text", d.tile)
		default:
			c.fault("log", where, "its text in %s and its hash in %s differ", d.bundle, d.tile)
		}
	}
	nodes := r.of[0]
	if hashesFit {
		nodes = r.of[1]
	}
	r.upper(nodes)
	if !entriesFit && !hashesFit {
		c.fault("log", "checkpoint", "it covers %d entries, and they are not those that are there", checkpoint.Size)
	}
	c.log.checkpoint, c.log.size, c.log.tree = checkpoint, checkpoint.Size, r.texts
	c.log.damaged = len(c.report.Faults) > before && !entriesFit
	c.report.Checked.Entries, c.report.Checked.Files = checkpoint.Size, listed.count
	return nil
}

// checkCopies compares the table of the log's entries with the log.
func (c *check) checkCopies(ctx context.Context) error {
	if !c.log.readable() {
		c.unchecked("anything against the log: it cannot be read")
		return nil
	}
	var missing, beyond []int64
	var page []evidence.Recorded
	text := func(index int64) ([]byte, error) {
		if len(page) == 0 || uint64(index) < page[0].Index || uint64(index) >= page[0].Index+uint64(len(page)) {
			from := uint64(index) / width * width
			found, err := c.log.Read(ctx, from, width)
			if err != nil || uint64(index) >= from+uint64(len(found)) {
				return nil, err
			}
			page = found
		}
		return page[uint64(index)-page[0].Index].Text, nil
	}
	next := int64(0)
	compare := func(row *warehouse.LogEntry) error {
		where := fmt.Sprintf("entry %d (%s)", row.Index, row.Key)
		c.report.Checked.Copies++
		if row.Index < 0 || row.Index >= int64(c.log.size) {
			beyond = append(beyond, row.Index)
			return nil
		}
		for ; next < row.Index; next++ {
			missing = append(missing, next)
		}
		next = max(next, row.Index+1)
		if d, ok := c.log.doubts[uint64(row.Index)]; ok {
			// The log's own text was changed: the copy may still be what was signed.
			if seal.Leaf([]byte(row.Entry)) != d.hash {
				c.fault("log_entries", where, "it is not what the log's tree has there")
			} else if err := c.log.take(uint64(row.Index), []byte(row.Entry)); err != nil {
				c.fault("log_entries", where, "%v", err)
			}
			return nil
		}
		signed, err := text(row.Index)
		if err != nil {
			return nil // told with the log
		}
		if !bytes.Equal(signed, []byte(row.Entry)) {
			c.fault("log_entries", where, "its entry is not that of the log")
			return nil
		}
		r, err := evidence.ReadEntry(uint64(row.Index), signed)
		if err == nil && (r.Key != row.Key || r.Type != row.Type || r.At.UnixMilli() != row.At) {
			c.fault("log_entries", where, "key, type or moment differ from those of the entry")
		}
		return nil
	}
	if err := c.Record.LogEntries(ctx, 0, compare); err != nil {
		return err
	}
	for ; next < int64(c.log.size); next++ {
		missing = append(missing, next)
	}
	if len(missing) > 0 {
		c.later(func(ctx context.Context) (faults []Fault, err error) {
			there := map[int64]bool{}
			if err := c.Record.LogEntries(ctx, missing[0], func(row *warehouse.LogEntry) error {
				there[row.Index] = true
				return nil
			}); err != nil {
				return nil, err
			}
			for _, index := range missing {
				if !there[index] {
					faults = append(faults, Fault{"log_entries", fmt.Sprintf("entry %d", index), "the log has it, and the table does not"})
				}
			}
			return faults, nil
		})
	}
	if len(beyond) > 0 {
		c.later(func(context.Context) (faults []Fault, err error) {
			for _, index := range beyond {
				if index < 0 || index >= int64(c.log.size) {
					faults = append(faults, Fault{"log_entries", fmt.Sprintf("entry %d", index), fmt.Sprintf("the log has %d entries", c.log.size)})
				}
			}
			return faults, nil
		})
	}
	return nil
}

// checkStamps checks the time stamps beside the log, and the cosignature of the newest checkpoint.
func (c *check) checkStamps(ctx context.Context) error {
	if !c.log.readable() {
		c.unchecked("time stamps: the log cannot be read")
		return nil
	}
	sizes, err := c.log.Stamped()
	if err != nil {
		return err
	}
	there := map[uint64]bool{}
	for _, size := range sizes {
		there[size] = true
		path := evidence.StampPath(size)
		s, err := c.log.Stamp(size)
		if err != nil {
			c.fault("stamps", path, "%v", err)
			continue
		}
		if want, ok := c.log.stamps[size]; ok && s.Body() != want {
			c.fault("stamps", path, "it, or the checkpoint beside it, is not the one that the log knows")
			continue
		}
		of, err := c.log.Parse(s.Checkpoint)
		if err == nil {
			_, err = evidence.CheckStamp(s.Checkpoint, s.Response, c.Roots)
		}
		if err == nil && of.Size != size {
			err = fmt.Errorf("its checkpoint is of %d entries", of.Size)
		}
		if err == nil {
			err = c.log.Contains(ctx, of)
		}
		if err != nil {
			c.fault("stamps", path, "%v", err)
			continue
		}
		c.report.Checked.Stamps++
	}
	for size := range c.log.stamps {
		if !there[size] {
			c.fault("stamps", evidence.StampPath(size), "the log knows it, and it is not there")
		}
	}
	if len(sizes) > 0 && c.Roots == nil {
		c.unchecked("whose certificates the time stamps are signed with: name the authority's in MINGJIAN_TSA_CERTIFICATES")
	}
	if c.Witness == "" {
		return nil
	}
	switch _, ok, err := evidence.Cosigned(c.log.checkpoint, c.Witness); {
	case err != nil:
		c.fault("log", "checkpoint", "its cosignature: %v", err)
	case !ok:
		c.unchecked("the newest checkpoint by its witness: it has no cosignature of it")
	}
	return nil
}
