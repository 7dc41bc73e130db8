package dossier

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"runtime"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/flate"
)

const (
	// chunk is how much is deflated at a time, each chunk by itself, so that the packed bytes are the same with
	// one processor and with many. A larger one packs no better.
	chunk = 1 << 20
	// level is deflate's: the first that finds matches across what JSON lines repeat. Packing has to keep up
	// with reading the record.
	level = 3
)

// Writer writes a package, file after file, and holds no more of it than a few chunks. It is for one goroutine;
// it packs in several. After an error nothing more can be written.
type Writer struct {
	w       *counted
	entries []entry
	files   []File
	names   map[string]bool
	open    *file
	idle    []*flate.Writer // packers that are not at work
	err     error
}

// NewWriter begins a package on w, which need not be able to seek.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: &counted{w: w}, names: map[string]bool{}}
}

type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// Create begins the next file. The one before it must have been closed.
func (w *Writer) Create(name string) (io.WriteCloser, error) {
	if w.err == nil {
		w.err = w.begin(name)
	}
	if w.err != nil {
		return nil, fmt.Errorf("write the package: %w", w.err)
	}
	w.open = &file{w: w, entry: entry{name: name, offset: w.w.n}, contents: sha256.New(), packed: sha256.New()}
	if _, w.err = w.w.Write(w.open.entry.local(nil)); w.err != nil {
		return nil, fmt.Errorf("write the package: %w", w.err)
	}
	return w.open, nil
}

func (w *Writer) begin(name string) error {
	switch {
	case w.open != nil:
		return fmt.Errorf("%s begins before %s is closed", name, w.open.entry.name)
	case w.names[folded(name)]:
		return fmt.Errorf("%s is there twice", name)
	case name == ManifestFile || name == SignatureFile:
		return fmt.Errorf("%s is written by Close", name)
	case len(w.files) >= maxFiles:
		return fmt.Errorf("a package has %d files at most", maxFiles)
	}
	w.names[folded(name)] = true
	return checkName(name)
}

// Close writes the manifest, with the files that were written, what sign makes of it (a C2SP signed note of
// the log over the manifest's bytes), and the end of the package. It does not close what is underneath.
func (w *Writer) Close(m *Manifest, sign func(manifest []byte) ([]byte, error)) error {
	if w.err == nil {
		w.err = w.end(m, sign)
	}
	if w.err != nil {
		return fmt.Errorf("write the package: %w", w.err)
	}
	w.err = errors.New("it is closed")
	return nil
}

func (w *Writer) end(m *Manifest, sign func(manifest []byte) ([]byte, error)) error {
	if w.open != nil {
		return fmt.Errorf("%s is not closed", w.open.entry.name)
	}
	m.Version, m.Files = Version, w.files
	manifest, err := canonical(m)
	if err != nil {
		return fmt.Errorf("encode the manifest: %w", err)
	}
	if len(manifest) > maxManifest {
		return fmt.Errorf("a manifest of %d bytes is more than the %d that it may have", len(manifest), maxManifest)
	}
	signature, err := sign(manifest)
	if err != nil {
		return fmt.Errorf("sign the manifest: %w", err)
	}
	if err := w.store(ManifestFile, manifest); err != nil {
		return err
	}
	if err := w.store(SignatureFile, signature); err != nil {
		return err
	}
	begins := w.w.n
	var b []byte
	for i := range w.entries {
		b = w.entries[i].directory(b)
	}
	_, err = w.w.Write(ending(b, len(w.entries), begins, int64(len(b))))
	return err
}

// canonical writes a manifest in its one form (RFC 8785).
func canonical(m *Manifest) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	v := jsontext.Value(b)
	err = v.Canonicalize()
	return v, err
}

// store writes a file as it is.
func (w *Writer) store(name string, contents []byte) error {
	size := int64(len(contents))
	e := entry{name: name, stored: true, crc: crc32.ChecksumIEEE(contents), packed: size, size: size, offset: w.w.n}
	w.entries = append(w.entries, e)
	_, err := w.w.Write(append(e.local(nil), contents...))
	return err
}

// file is one that is being written.
type file struct {
	w                *Writer
	entry            entry
	contents, packed hash.Hash
	held             []byte          // of the chunk that is not packed yet
	packing          []chan packaged // chunks on their way, oldest first
	closed           bool
}

// packaged is what became of a chunk.
type packaged struct {
	b      []byte
	chunk  []byte // to be used again
	packer *flate.Writer
	err    error
}

// Write implements io.Writer.
func (f *file) Write(b []byte) (int, error) {
	if f.closed {
		return 0, fmt.Errorf("write %s: it is closed", f.entry.name)
	}
	f.contents.Write(b)
	f.entry.crc = crc32.Update(f.entry.crc, crc32.IEEETable, b)
	f.entry.size += int64(len(b))
	for n := 0; n < len(b); {
		if len(f.held) == chunk { // and there is more, so that it is not the last one
			f.pack(false)
		}
		part := min(chunk-len(f.held), len(b)-n)
		f.held = append(f.held, b[n:n+part]...)
		n += part
	}
	if f.w.err != nil {
		return 0, fmt.Errorf("write %s: %w", f.entry.name, f.w.err)
	}
	return len(b), nil
}

// pack has the chunk that is held packed, and waits for an older one where enough are on their way.
func (f *file) pack(last bool) {
	for len(f.packing) > runtime.GOMAXPROCS(0) {
		f.settle()
	}
	var packer *flate.Writer
	if n := len(f.w.idle); n > 0 {
		packer, f.w.idle = f.w.idle[n-1], f.w.idle[:n-1]
	}
	out := make(chan packaged, 1)
	f.packing = append(f.packing, out)
	go func(held []byte) { out <- deflate(packer, held, last) }(f.held)
	f.held = nil
}

// deflate packs a chunk so that it ends on a byte, and the next one can follow.
func deflate(packer *flate.Writer, held []byte, last bool) packaged {
	var b bytes.Buffer
	var err error
	if packer == nil {
		packer, err = flate.NewWriter(&b, level)
	} else {
		packer.Reset(&b)
	}
	if err == nil {
		_, err = packer.Write(held)
	}
	if err == nil && last {
		err = packer.Close()
	} else if err == nil {
		err = packer.Flush()
	}
	return packaged{b: b.Bytes(), chunk: held, packer: packer, err: err}
}

// settle writes the oldest chunk that is on its way.
func (f *file) settle() {
	p := <-f.packing[0]
	f.packing = f.packing[1:]
	f.w.idle = append(f.w.idle, p.packer)
	if f.held == nil {
		f.held = p.chunk[:0]
	}
	if f.w.err == nil {
		f.w.err = p.err
	}
	if f.w.err == nil {
		f.packed.Write(p.b)
		f.entry.packed += int64(len(p.b))
		_, f.w.err = f.w.w.Write(p.b)
	}
}

// Close ends the file.
func (f *file) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	f.pack(true)
	for len(f.packing) > 0 {
		f.settle()
	}
	f.w.open = nil
	if f.w.err == nil {
		_, f.w.err = f.w.w.Write(f.entry.descriptor(nil))
	}
	if f.w.err != nil {
		return fmt.Errorf("write %s: %w", f.entry.name, f.w.err)
	}
	e := f.entry
	f.w.entries = append(f.w.entries, e)
	f.w.files = append(f.w.files, File{
		Name: e.name, Bytes: e.size, SHA256: [32]byte(f.contents.Sum(nil)), Packed: e.packed, PackedSHA256: [32]byte(f.packed.Sum(nil)),
	})
	return nil
}
