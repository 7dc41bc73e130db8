package dossier

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// whole opens a package and reads all of it.
func whole(b []byte) (map[string]string, error) {
	r, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	var faults Faults
	for _, f := range r.Manifest.Files {
		in, err := r.Open(f.Name)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(in)
		var fault *Fault
		if errors.As(err, &fault) {
			faults = append(faults, fault)
		} else if err != nil {
			return nil, err
		}
		out[f.Name] = string(text)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return out, nil
}

var some = []string{ReportFile, "<p>报告</p>", InteractionsFile, lines(9_000), "report/报告.csv", "", SealsFile, lines(chunk + 5)}

func TestReaderGivesWhatWasWritten(t *testing.T) {
	b := packed(t, some...)
	got, err := whole(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(some); i += 2 {
		if got[some[i]] != some[i+1] {
			t.Errorf("%s has %d bytes, written were %d", some[i], len(got[some[i]]), len(some[i+1]))
		}
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(in); err != nil || f.Name == InteractionsFile && string(text) != some[3] {
			t.Errorf("archive/zip reads %s otherwise: %v", f.Name, err)
		}
	}
}

// owners says of every byte of a package to which file it belongs, "" where to none.
func owners(t *testing.T, b []byte) []string {
	t.Helper()
	r, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(b))
	for i := range r.at {
		for at := r.at[i].offset; at < r.at[i].after(); at++ {
			out[at] = r.at[i].name
		}
	}
	begins := int64(binary.LittleEndian.Uint32(b[len(b)-endLength+16:]))
	manifest := r.at[len(r.at)-1].after()
	e := entry{name: ManifestFile, stored: true, offset: manifest, packed: int64(len(r.ManifestBytes))}
	for at := manifest; at < begins; at++ {
		out[at] = SignatureFile
		if at < e.after() {
			out[at] = ManifestFile
		}
	}
	return out
}

// Every single bit of a package is fixed, and who changes one is told where.
func TestEveryChangedBitIsFoundAndNamed(t *testing.T) {
	b := packed(t, ReportFile, "<p>报告</p>", InteractionsFile, lines(900), "empty", "")
	owner := owners(t, b)
	for bit := range 8 * len(b) {
		changed := bytes.Clone(b)
		changed[bit/8] ^= 1 << (bit % 8)
		_, err := whole(changed)
		if err == nil {
			t.Fatalf("bit %d of byte %d (%q) was changed, and nobody saw it", bit%8, bit/8, owner[bit/8])
		}
		where := owner[bit/8]
		if where == "" {
			where = "the zip's "
		}
		var fault *Fault
		var faults Faults
		named := errors.As(err, &fault) && strings.HasPrefix(fault.Where, where) ||
			errors.As(err, &faults) && strings.HasPrefix(faults[0].Where, where)
		// What the directory says of a file may as well be told of the file.
		if owner[bit/8] == "" && (fault != nil || faults != nil) {
			named = true
		}
		if !named {
			t.Fatalf("bit %d of byte %d, of %q, was changed: %v", bit%8, bit/8, where, err)
		}
	}
}

func TestCutOffPackageIsRefused(t *testing.T) {
	b := packed(t, some...)
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		n := random.IntN(len(b))
		if _, err := whole(b[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for the package", n, len(b))
		}
		if _, err := whole(append(bytes.Clone(b), b[:n+1]...)); err == nil {
			t.Errorf("the package with %d bytes behind it is taken", n+1)
		}
	}
}

// hostile writes a package in which one thing is otherwise.
func hostile(t *testing.T, change func(w *Writer, m *Manifest)) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, name := range []string{"a", "b"} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, lines(2*chunk)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	m := &Manifest{}
	change(w, m)
	if err := w.Close(m, func([]byte) ([]byte, error) { return []byte("signed"), nil }); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestHostilePackagesAreRefused(t *testing.T) {
	for what, c := range map[string]struct {
		change func(w *Writer, m *Manifest)
		why    string
	}{
		"path traversal": {func(w *Writer, _ *Manifest) {
			w.files[0].Name, w.entries[0].name = "../../etc/passwd", "../../etc/passwd"
		}, "does not lead to a file inside"},
		"a drive":                                {func(w *Writer, _ *Manifest) { w.files[0].Name, w.entries[0].name = "C:a", "C:a" }, "characters"},
		"a name twice":                           {func(w *Writer, _ *Manifest) { w.files[0].Name, w.entries[0].name = "B", "B" }, "twice"},
		"a bomb":                                 {func(w *Writer, _ *Manifest) { w.files[0].Bytes = 1 << 39; w.entries[0].size = 1 << 39 }, "packs so well"},
		"more than there":                        {func(w *Writer, _ *Manifest) { w.files[0].Bytes++; w.entries[0].size++ }, "a: what stands behind it"},
		"less than there":                        {func(w *Writer, _ *Manifest) { w.files[0].Bytes--; w.entries[0].size-- }, "a: what stands behind it"},
		"a size below zero":                      {func(w *Writer, _ *Manifest) { w.files[0].Bytes = -1 }, "is said to have -1 bytes"},
		"files that overlap":                     {func(w *Writer, _ *Manifest) { w.entries[1].offset = w.entries[0].offset }, "must begin at byte"},
		"a file that is hidden":                  {func(w *Writer, _ *Manifest) { w.files, w.entries = w.files[1:], w.entries[1:] }, "must begin at byte"},
		"a file of which the manifest is silent": {func(w *Writer, _ *Manifest) { w.files = w.files[1:] }, "the manifest 1"},
		"deep JSON": {func(_ *Writer, m *Manifest) {
			m.Extensions = []byte(strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000))
		}, "nested more than"},
	} {
		_, err := whole(hostile(t, c.change))
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v; expected %q", what, err, c.why)
		}
	}
	// A directory that tells of far more than there is costs nothing to refuse.
	end := ending(nil, 60_000, 0, 1<<31)
	if _, err := whole(end); err == nil {
		t.Error("an empty package with 60,000 files is taken")
	}
}

// Sizes beyond 4 GiB stand where zip64 has them, and are read back from there.
func TestWideSizesAreReadBack(t *testing.T) {
	for _, e := range []entry{
		{name: "a", crc: 1, packed: 2, size: 3, offset: 4},
		{name: "b", crc: 1, packed: 2, size: 5 << 30, offset: 4},
		{name: "c", crc: 1, packed: 6 << 30, size: 5 << 30, offset: 7 << 30},
		{name: "d", crc: 1, packed: limit32, size: limit32 - 1, offset: limit32},
		{name: "e", stored: true, crc: 1, packed: 2, size: 2, offset: 1 << 40},
	} {
		b := e.directory(nil)
		got, n, err := readDirectory(append(b, "more of the directory behind it, so that it is known where it ends"...))
		if err != nil || n != len(b) || got != e {
			t.Errorf("%+v is read as %+v (%d of %d bytes): %v", e, got, n, len(b), err)
		}
	}
}

// FuzzOpen shows that no bytes make the reader panic, and that what it takes is what a Writer writes.
func FuzzOpen(f *testing.F) {
	f.Add(packed(f, ReportFile, "<p>报告</p>", InteractionsFile, lines(300)))
	f.Add(packed(f))
	f.Add(ending(nil, 70_000, 1<<33, 1<<33))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := whole(b)
		if err != nil {
			return
		}
		r, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range r.Manifest.Files {
			if int64(len(got[file.Name])) != file.Bytes {
				t.Errorf("%s has %d bytes, and the manifest says %d", file.Name, len(got[file.Name]), file.Bytes)
			}
		}
	})
}
