package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	f_log "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

// Log reads a log and checks it. It changes nothing, so that anybody may do it while a notary works.
type Log struct {
	dir      string
	files    client.FileFetcher
	verifier note.Verifier
}

// OpenLog opens the log in a directory for reading.
func OpenLog(dir string) (*Log, error) {
	text, err := os.ReadFile(filepath.Join(dir, verifierFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no evidence log", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the evidence log: %w", err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("open the evidence log: %s: %w", verifierFile, err)
	}
	return &Log{dir: dir, files: client.FileFetcher{Root: dir}, verifier: verifier}, nil
}

// Checkpoint is a signed statement of what the log held (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   uint64 // entries
	Root   []byte // RFC 6962 tree hash over them
	Note   []byte // the whole signed note
	Body   []byte // the signed text: origin, size and root, a line each
}

// Parse checks the log's signature on a checkpoint and reads it.
func (l *Log) Parse(signed []byte) (Checkpoint, error) {
	c, _, opened, err := f_log.ParseCheckpoint(signed, l.verifier.Name(), l.verifier)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of the evidence log: %w", err)
	}
	return Checkpoint{Origin: c.Origin, Size: c.Size, Root: c.Hash, Note: signed, Body: []byte(opened.Text)}, nil
}

// Checkpoint returns the newest checkpoint that was published.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	signed, err := l.files.ReadCheckpoint(ctx)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the checkpoint of the evidence log: %w", err)
	}
	return l.Parse(signed)
}

// Recorded is an entry in its place.
type Recorded struct {
	Index uint64
	Key   string
	Type  string
	At    time.Time
	Body  json.RawMessage
	Text  []byte // the whole entry, whose hash is in the tree
}

func recorded(index uint64, text []byte) (Recorded, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return Recorded{}, fmt.Errorf("entry %d of the evidence log: %w", index, err)
	}
	at, err := time.Parse(moment, d.At)
	if err != nil {
		return Recorded{}, fmt.Errorf("entry %d of the evidence log: %w", index, err)
	}
	return Recorded{Index: index, Key: d.Key, Type: d.Type, At: at, Body: d.Body, Text: text}, nil
}

// Read returns up to n entries of those that the newest checkpoint covers, beginning with from.
func (l *Log) Read(ctx context.Context, from, n uint64) ([]Recorded, error) {
	c, err := l.Checkpoint(ctx)
	if err != nil || from >= c.Size {
		return nil, err
	}
	return l.read(ctx, from, min(n, c.Size-from), c.Size)
}

// read returns n entries of a log of a size.
func (l *Log) read(ctx context.Context, from, n, size uint64) ([]Recorded, error) {
	var out []Recorded
	for index, end := from, from+n; index < end; {
		bundle, err := client.GetEntryBundle(ctx, l.files.ReadEntryBundle, index/layout.EntryBundleWidth, size)
		if err != nil {
			return nil, fmt.Errorf("read the evidence log: %w", err)
		}
		at := index % layout.EntryBundleWidth
		if uint64(len(bundle.Entries)) <= at {
			return nil, fmt.Errorf("read the evidence log: entry %d is missing", index)
		}
		for _, text := range bundle.Entries[at:] {
			if index == end {
				break
			}
			r, err := recorded(index, text)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
			index++
		}
	}
	return out, nil
}

// Walk goes through all entries that the newest checkpoint covers, in order, computes the tree anew
// from their bytes and compares it with what is signed; a difference is an error after the last entry.
// root is the tree hash over the entries up to and including this one.
func (l *Log) Walk(ctx context.Context, each func(r Recorded, root func() ([]byte, error)) error) (Checkpoint, error) {
	c, err := l.Checkpoint(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	root := func() ([]byte, error) {
		if tree.End() == 0 {
			return rfc6962.DefaultHasher.EmptyRoot(), nil
		}
		return tree.GetRootHash(nil)
	}
	for from := uint64(0); from < c.Size; {
		part, err := l.read(ctx, from, min(layout.EntryBundleWidth, c.Size-from), c.Size)
		if err != nil {
			return Checkpoint{}, err
		}
		for _, r := range part {
			if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(r.Text), nil); err != nil {
				return Checkpoint{}, fmt.Errorf("read the evidence log: %w", err)
			}
			if err := each(r, root); err != nil {
				return Checkpoint{}, err
			}
		}
		from += uint64(len(part))
	}
	computed, err := root()
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the evidence log: %w", err)
	}
	if string(computed) != string(c.Root) {
		return c, fmt.Errorf("%w: its newest checkpoint does not cover the entries that are there", ErrChanged)
	}
	return c, nil
}

// ErrChanged says that entries of a log are not those that were signed.
var ErrChanged = errors.New("the evidence log was changed")
