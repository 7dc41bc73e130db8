package dossier

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/flate"
)

// Fault is one thing that is wrong with the form of a package.
type Fault struct {
	Where string // a file of the package, or the place in the zip
	What  string
}

// Error makes a Fault usable as an error.
func (f *Fault) Error() string { return f.Where + ": " + f.What }

// Faults is everything that is wrong with the form of a package, up to a hundred.
type Faults []*Fault

// Error makes Faults usable as an error; each stands on a line of its own.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

// maxFaults is how many are told of; whoever damaged more is not found by a longer list.
const maxFaults = 100

// Reader reads a package that nobody vouches for. What Open has accepted is a zip as the Writer writes it for
// the manifest that is in it, and no other byte; the contents of a file are compared with the manifest as they
// are read, so that whoever reads a file to its end without an error has what the manifest names. Who signed
// the manifest is for the caller to ask. A Reader is safe for concurrent use.
type Reader struct {
	Manifest      Manifest
	ManifestBytes []byte // as they were signed
	Signature     []byte // manifest.sig

	zip   io.ReaderAt
	files map[string]int // index in the manifest
	at    []entry        // in the order of the manifest
}

// Open reads a package of so many bytes. What is wrong with its form is told in a *Fault or in Faults; another
// error is that of reading. It reads the headers and the manifest, and of the files nothing.
func Open(zip io.ReaderAt, size int64) (*Reader, error) {
	o := &opening{zip: zip, size: size}
	r, err := o.open()
	switch {
	case o.err != nil:
		return nil, fmt.Errorf("read the package: %w", o.err)
	case err != nil && len(o.faults) == 0:
		return nil, err
	case err != nil:
		return nil, append(o.faults, err)
	case len(o.faults) > 0:
		return nil, o.faults
	}
	return r, nil
}

// opening is a package that is being opened. Its methods return what makes it pointless to go on.
type opening struct {
	zip    io.ReaderAt
	size   int64
	faults Faults
	err    error // of reading
}

func (o *opening) fault(where, what string, args ...any) {
	if len(o.faults) < maxFaults {
		o.faults = append(o.faults, &Fault{where, fmt.Sprintf(what, args...)})
	}
}

// directoryPlace and endPlace name places that belong to no file.
func directoryPlace(at int64) string { return fmt.Sprintf("the zip's directory at byte %d", at) }

func endPlace(at int64) string { return fmt.Sprintf("the zip's end at byte %d", at) }

// bytes reads a part whose place was found to be inside.
func (o *opening) bytes(at, n int64) []byte {
	b := make([]byte, n)
	if _, err := o.zip.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) || o.err != nil {
		o.err = errors.Join(o.err, err)
	} else if err != nil && at+n > o.size {
		o.err = io.ErrUnexpectedEOF
	}
	return b
}

// differ is the first place in which two byte strings differ, and -1 where there is none.
func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

func (o *opening) open() (*Reader, *Fault) {
	begins, entries, fault := o.end()
	if fault != nil {
		return nil, fault
	}
	all, fault := o.directory(begins, entries)
	if fault != nil {
		return nil, fault
	}
	last := len(all) - 2
	r := &Reader{zip: o.zip, files: map[string]int{}}
	for i, name := range []string{ManifestFile, SignatureFile} {
		e := &all[last+i]
		if e.name != name || !e.stored || e.packed != e.size || e.size > maxManifest {
			return nil, &Fault{directoryPlace(begins), fmt.Sprintf("the last two files are not %s and %s", ManifestFile, SignatureFile)}
		}
		if e.after() > begins {
			return nil, &Fault{name, "the zip's directory has it where the directory is"}
		}
		b := o.bytes(e.offset, e.localLength()+e.size)
		if o.err != nil {
			return nil, &Fault{}
		}
		contents := b[e.localLength():]
		if crc32.ChecksumIEEE(contents) != e.crc {
			return nil, &Fault{name, "its bytes are not those that were packed"}
		}
		if at := differ(b[:e.localLength()], e.local(nil)); at >= 0 {
			return nil, &Fault{name, fmt.Sprintf("its header in the zip is not as it must be, at byte %d", e.offset+int64(at))}
		}
		if i == 0 {
			r.ManifestBytes = contents
		} else {
			r.Signature = contents
		}
	}
	if err := r.Manifest.read(r.ManifestBytes); err != nil {
		return nil, &Fault{ManifestFile, err.Error()}
	}
	if fault := o.match(&r.Manifest, all[:last], begins); fault != nil {
		return nil, fault
	}
	r.at = all[:last]
	for i := range r.at {
		r.files[r.at[i].name] = i
	}
	// Now where everything stands is known to fit, without gap or overlap.
	var next int64
	for i := range all {
		e := &all[i]
		if e.offset != next {
			return nil, &Fault{e.name, fmt.Sprintf("it begins at byte %d of the zip, and must begin at byte %d", e.offset, next)}
		}
		next = e.after()
	}
	if next != begins {
		return nil, &Fault{directoryPlace(begins), fmt.Sprintf("it must begin at byte %d, behind the last file", next)}
	}
	for i := range r.at {
		o.frame(&r.at[i])
		if o.err != nil {
			return nil, &Fault{}
		}
	}
	return r, nil
}

// end reads the end records and returns where the directory begins and how many entries it has.
func (o *opening) end() (begins, entries int64, fault *Fault) {
	if o.size < endLength {
		return 0, 0, &Fault{endPlace(0), fmt.Sprintf("%d bytes are no package", o.size)}
	}
	from := max(0, o.size-endLength-locatorLength-end64Length)
	tail := o.bytes(from, o.size-from)
	if o.err != nil {
		return 0, 0, &Fault{}
	}
	le := binary.LittleEndian
	end := tail[len(tail)-endLength:]
	if le.Uint32(end) != endSignature {
		return 0, 0, &Fault{endPlace(o.size - endLength), "it does not end as a package does: it was cut off, or is none"}
	}
	entries, length, begins := int64(le.Uint16(end[10:])), int64(le.Uint32(end[12:])), int64(le.Uint32(end[16:]))
	if len(tail) == endLength+locatorLength+end64Length && (entries == limit16 || length == limit32 || begins == limit32) {
		entries, length, begins = int64(le.Uint64(tail[32:])), int64(le.Uint64(tail[40:])), int64(le.Uint64(tail[48:]))
	}
	if entries < 2 || entries > maxFiles+2 || length < 0 || begins < 0 || length > o.size || begins > o.size {
		return 0, 0, &Fault{endPlace(o.size - endLength), "it tells of a directory that no package has"}
	}
	want := ending(nil, int(entries), begins, length)
	if begins+length+int64(len(want)) != o.size {
		return 0, 0, &Fault{endPlace(o.size - endLength), "the directory of which it tells does not end where it begins"}
	}
	if at := differ(tail[len(tail)-len(want):], want); at >= 0 {
		return 0, 0, &Fault{endPlace(begins + length + int64(at)), "it is not as it must be"}
	}
	if length > (entries)*(directoryLength+maxName+extraLength+mostExtra) {
		return 0, 0, &Fault{directoryPlace(begins), fmt.Sprintf("%d bytes are too many for %d files", length, entries)}
	}
	return begins, entries, nil
}

// directory reads the central directory.
func (o *opening) directory(begins, entries int64) ([]entry, *Fault) {
	r := bufio.NewReaderSize(io.NewSectionReader(o.zip, begins, o.size-begins), 1<<16)
	all := make([]entry, 0, min(entries, 1024))
	var want []byte
	for at := begins; int64(len(all)) < entries; {
		b, err := r.Peek(directoryLength + maxName + extraLength + mostExtra)
		if err != nil && !errors.Is(err, io.EOF) {
			o.err = err
			return nil, &Fault{}
		}
		e, n, err := readDirectory(b)
		if err != nil {
			return nil, &Fault{directoryPlace(at), err.Error()}
		}
		if d := differ(b[:n], e.directory(want[:0])); d >= 0 {
			return nil, &Fault{directoryPlace(at + int64(d)), fmt.Sprintf("what it says of %q is not as it must be", e.name)}
		}
		all = append(all, e)
		at += int64(n)
		if _, err := r.Discard(n); err != nil {
			o.err = err
			return nil, &Fault{}
		}
	}
	return all, nil
}

// read reads a manifest and checks what nobody may say, whoever signs it.
func (m *Manifest) read(b []byte) error {
	if err := checkJSON(b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, m, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	if m.Version != Version {
		return fmt.Errorf("it is of version %d of packages, and this program reads version %d: use the one that came with it", m.Version, Version)
	}
	again, err := canonical(m)
	if err != nil {
		return err
	}
	if at := differ(b, again); at >= 0 {
		return fmt.Errorf("it is not in its canonical form, at byte %d", at)
	}
	var total int64
	names := map[string]bool{}
	for i := range m.Files {
		f := &m.Files[i]
		if err := checkName(f.Name); err != nil {
			return err
		}
		if f.Name == ManifestFile || f.Name == SignatureFile || names[folded(f.Name)] {
			return fmt.Errorf("%s is there twice", f.Name)
		}
		names[folded(f.Name)] = true
		if f.Bytes < 0 || f.Packed < 0 || f.Bytes > maxTotal || f.Packed > maxTotal {
			return fmt.Errorf("%s is said to have %d bytes, packed to %d", f.Name, f.Bytes, f.Packed)
		}
		if f.Bytes > chunk && f.Bytes/maxRatio > f.Packed {
			return fmt.Errorf("%s is said to have %d bytes, packed to %d: nothing in a package packs so well", f.Name, f.Bytes, f.Packed)
		}
		if total += f.Bytes; total > maxTotal {
			return fmt.Errorf("its files are said to have more than %d bytes together", int64(maxTotal))
		}
	}
	return nil
}

// maxDepth is how deep JSON in a package may be nested: its own goes to 6.
const maxDepth = 32

// checkJSON refuses JSON that is not valid, has a name twice or is nested too deep, before anything is made of it.
func checkJSON(b []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := d.ReadToken(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if d.StackDepth() > maxDepth {
			return fmt.Errorf("its JSON is nested more than %d deep", maxDepth)
		}
	}
}

// match holds the directory against the manifest.
func (o *opening) match(m *Manifest, all []entry, begins int64) *Fault {
	if len(m.Files) != len(all) {
		return &Fault{directoryPlace(begins), fmt.Sprintf("it has %d files, and the manifest %d", len(all), len(m.Files))}
	}
	for i := range all {
		e, f := &all[i], &m.Files[i]
		switch {
		case e.name != f.Name:
			return &Fault{f.Name, fmt.Sprintf("the zip's directory has %q in its place", e.name)}
		case e.stored || e.size != f.Bytes || e.packed != f.Packed:
			return &Fault{f.Name, fmt.Sprintf("the zip's directory has %d bytes of it, packed to %d, and the manifest %d and %d", e.size, e.packed, f.Bytes, f.Packed)}
		}
	}
	return nil
}

// frame compares what stands before and behind an entry's bytes.
func (o *opening) frame(e *entry) {
	if at := differ(o.bytes(e.offset, e.localLength()), e.local(nil)); at >= 0 && o.err == nil {
		o.fault(e.name, "its header in the zip is not as it must be, at byte %d", e.offset+int64(at))
	}
	from := e.after() - e.descriptorLength()
	if at := differ(o.bytes(from, e.descriptorLength()), e.descriptor(nil)); at >= 0 && o.err == nil {
		o.fault(e.name, "what stands behind it in the zip is not as it must be, at byte %d", from+int64(at))
	}
}

// File is what the manifest says of a file.
func (r *Reader) File(name string) (File, bool) {
	i, ok := r.files[name]
	if !ok {
		return File{}, false
	}
	return r.Manifest.Files[i], true
}

// Open reads a file. Where its bytes are not those that the manifest names, reading ends with a *Fault, which
// is known only at the end of the file: nothing of it is to be believed before io.EOF has come.
func (r *Reader) Open(name string) (io.ReadCloser, error) {
	i, ok := r.files[name]
	if !ok {
		return nil, &Fault{name, "it is not in the package"}
	}
	e := &r.at[i]
	packed := sha256.New()
	raw := io.NewSectionReader(r.zip, e.offset+e.localLength(), e.packed)
	from := bufio.NewReaderSize(io.TeeReader(raw, packed), int(min(e.packed+1, 1<<16)))
	return &contents{from: from, inflate: flate.NewReader(from), said: &r.Manifest.Files[i], entry: e, packed: packed, unpacked: sha256.New()}, nil
}

// contents is a file that is being read.
type contents struct {
	from             *bufio.Reader
	inflate          io.ReadCloser
	said             *File
	entry            *entry
	packed, unpacked hash.Hash
	n                int64
	crc              uint32
	err              error
}

// Read implements io.Reader.
func (c *contents) Read(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	// One byte more than the manifest says shows that there is one.
	n, err := c.inflate.Read(b[:min(int64(len(b)), c.said.Bytes-c.n+1)])
	c.n += int64(n)
	if c.n > c.said.Bytes {
		c.err = c.fault("it unpacks to more than the %d bytes that the manifest says", c.said.Bytes)
		return 0, c.err
	}
	c.unpacked.Write(b[:n])
	c.crc = crc32.Update(c.crc, crc32.IEEETable, b[:n])
	var corrupt flate.CorruptInputError
	var internal flate.InternalError
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		c.err = c.end()
	case errors.As(err, &corrupt), errors.As(err, &internal), errors.Is(err, io.ErrUnexpectedEOF):
		c.err = c.fault("its bytes are not those that were packed: they cannot be unpacked")
	default:
		c.err = fmt.Errorf("read %s: %w", c.said.Name, err)
	}
	if n > 0 && c.err != io.EOF { // the end is told by the next call
		return n, nil
	}
	return n, c.err
}

func (c *contents) fault(what string, args ...any) error {
	return &Fault{c.said.Name, fmt.Sprintf(what, args...)}
}

// end compares what was read with what the manifest says.
func (c *contents) end() error {
	if _, err := c.from.ReadByte(); !errors.Is(err, io.EOF) {
		return c.fault("there is more in its place than is unpacked")
	}
	switch {
	case seal32(c.packed) != c.said.PackedSHA256:
		return c.fault("its packed bytes are not those that the manifest names")
	case c.n != c.said.Bytes:
		return c.fault("it unpacks to %d bytes, and the manifest says %d", c.n, c.said.Bytes)
	case seal32(c.unpacked) != c.said.SHA256:
		return c.fault("its contents are not those that the manifest names")
	case c.crc != c.entry.crc:
		return c.fault("the zip's check sum of it is wrong")
	}
	return io.EOF
}

func seal32(h hash.Hash) [sha256.Size]byte { return [sha256.Size]byte(h.Sum(nil)) }

// Close implements io.Closer.
func (c *contents) Close() error { return c.inflate.Close() }
