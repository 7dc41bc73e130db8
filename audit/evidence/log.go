package evidence

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	f_log "github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
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
	text, err := os.ReadFile(filepath.Join(dir, VerifierFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no evidence log", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the evidence log: %w", err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("open the evidence log: %s: %w", VerifierFile, err)
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

// CheckVerifier reports whether the file of the public key is as it was written, to the byte.
func (l *Log) CheckVerifier() error {
	text, err := os.ReadFile(filepath.Join(l.dir, VerifierFile))
	if err != nil {
		return err
	}
	name, rest, _ := strings.Cut(string(text), "+")
	_, key, _ := strings.Cut(rest, "+")
	if string(text) != fmt.Sprintf("%s+%08x+%s\n", name, l.verifier.KeyHash(), strings.TrimSpace(key)) {
		return errors.New("the key is spelled otherwise")
	}
	return nil
}

// CheckSpelling reports whether a signed note's signatures are spelled in the one way that base64 has for
// them; readers take others, in which bits differ that say nothing.
func CheckSpelling(signed []byte) error {
	_, signatures, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		return errors.New("it has no signatures")
	}
	for line := range strings.Lines(signatures) {
		fields := strings.Fields(line)
		if len(fields) != 3 || line != strings.Join(fields, " ")+"\n" {
			return fmt.Errorf("%q is no signature", line)
		}
		if _, err := base64.StdEncoding.Strict().DecodeString(fields[2]); err != nil {
			return fmt.Errorf("the signature by %s: %w", fields[1], err)
		}
	}
	return nil
}

// Contains checks that the log is one that grew from what a checkpoint of it signed.
func (l *Log) Contains(ctx context.Context, old Checkpoint) error {
	if old.Size == 0 {
		return nil
	}
	was, err := l.At(ctx, old.Size)
	if err == nil && !bytes.Equal(was.Root, old.Root) {
		err = fmt.Errorf("%w: its first %d entries are not those that were signed then", ErrChanged, old.Size)
	}
	return err
}

// Cosigned says when a witness, known by its verifier key, cosigned a checkpoint; ok is false where it has no
// signature of that witness. One that does not verify is an error.
func Cosigned(c Checkpoint, witness string) (at time.Time, ok bool, err error) {
	verifier, err := f_note.NewVerifierForCosignatureV1(witness)
	if err != nil {
		return at, false, fmt.Errorf("verifier key of the witness: %w", err)
	}
	opened, err := note.Open(c.Note, note.VerifierList(verifier))
	var unsigned *note.UnverifiedNoteError
	if errors.As(err, &unsigned) {
		return at, false, nil
	}
	if err != nil {
		return at, false, err
	}
	at, err = f_note.CoSigV1Timestamp(opened.Sigs[0])
	return at, err == nil, err
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

// ReadEntry reads the bytes of an entry.
func ReadEntry(index uint64, text []byte) (Recorded, error) {
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
			r, err := ReadEntry(index, text)
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
