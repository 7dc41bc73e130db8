package console

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"

	"mingjian/audit/evidence"
	"mingjian/audit/export/verify"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Evidence is the log, for reading.
type Evidence interface {
	// Checkpoint is the newest signed statement of what the log holds.
	Checkpoint(ctx context.Context) (evidence.Checkpoint, error)
	// PublicKey is the verifier key that checkpoints are checked with (C2SP signed-note).
	PublicKey() ([]byte, error)
}

// logKey is the fingerprint of the log's key, which people compare by another way than the package; "" where
// this service has none.
func (c *Console) logKey(r *http.Request) string {
	if c.Evidence == nil {
		return ""
	}
	key, err := c.Evidence.PublicKey()
	if err != nil {
		c.Log.ErrorContext(r.Context(), "the evidence log's key cannot be read", "error", err)
		return ""
	}
	return verify.Fingerprint(string(key))
}

// inLog are where the log has seals, by their ids; one that it has not yet is not among them. nil where this
// service does not see the log.
func (c *Console) inLog(ctx context.Context, seals []warehouse.Seal) (map[string]int64, error) {
	if c.Evidence == nil {
		return nil, nil
	}
	out := map[string]int64{}
	err := c.Store.Read(ctx, func(tx *store.Tx) error {
		for _, s := range seals {
			index, ok, err := evidence.Place(ctx, tx, evidence.KeySeal+s.ID)
			if err != nil {
				return err
			}
			if ok {
				out[s.ID] = index
			}
		}
		return nil
	})
	return out, err
}

// proofRow is where one event of a session stands in the evidence.
type proofRow struct {
	Line   string // anchor of its row
	At     policies.Millis
	Offset int64
	Leaf   string // leaf hash (RFC 6962), hex; "" for a row of before there were any
	Seal   string // id of the seal that covers it; "" while none does
	Index  int64  // of the seal's entry in the log; -1 while it has none
}

// proofs are those of every event of a session.
func proofs(conv warehouse.Conversation, seals []warehouse.Seal, places map[string]int64) (out []proofRow) {
	for i, e := range conv.Interactions {
		p := proofRow{Line: anchorOf(i), At: e.At, Offset: e.Offset, Leaf: hex.EncodeToString([]byte(e.Leaf)), Index: -1}
		for _, s := range seals {
			if s.Topic == e.Topic && s.Partition == e.Partition && s.First <= e.Offset && e.Offset <= s.Last {
				p.Seal = s.ID
				if index, ok := places[s.ID]; ok {
					p.Index = index
				}
			}
		}
		out = append(out, p)
	}
	return out
}

// proofsOf reads them.
func (c *Console) proofsOf(ctx context.Context, conv warehouse.Conversation) ([]proofRow, error) {
	seals, err := c.sealsOver(ctx, conv)
	if err != nil {
		return nil, err
	}
	places, err := c.inLog(ctx, seals)
	return proofs(conv, seals, places), err
}

// logLine says how far the evidence log is, on the overview.
type logLine struct {
	Size   uint64
	Root   string // hex
	Origin string
}

// logStanding is what the newest checkpoint says; nil where this service sees none.
func (c *Console) logStanding(r *http.Request) *logLine {
	if c.Evidence == nil {
		return nil
	}
	at, err := c.Evidence.Checkpoint(r.Context())
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // before the first entry there is none
			c.Log.ErrorContext(r.Context(), "the evidence log's checkpoint cannot be read", "error", err)
		}
		return nil
	}
	return &logLine{at.Size, hex.EncodeToString(at.Root), at.Origin}
}
