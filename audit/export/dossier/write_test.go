package dossier

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// packed writes a package of the given files, in the order of their names and contents.
func packed(t testing.TB, files ...string) []byte {
	t.Helper()
	private, _, err := note.GenerateKey(rand.NewChaCha8([32]byte{}), "log.example/1")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		// In pieces, as they come from a record.
		for b := []byte(files[i+1]); len(b) > 0; {
			n := min(len(b), 70_001)
			if _, err := f.Write(b[:n]); err != nil {
				t.Fatal(err)
			}
			b = b[n:]
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(&Manifest{ID: "a"}, func(m []byte) ([]byte, error) { return Sign(m, signer) }); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// lines are so many bytes that pack about as rows do.
func lines(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"commitment":"%016x%016x","entry":{"offset":%d,"text":"您好，请问有什么可以帮您？"}}`+"\n", random.Uint64(), random.Uint64(), i)
	}
	return b.String()[:n]
}

// The bytes of a package are fixed by what is in it, not by how many processors packed it.
func TestPackageHasTheSameBytesOnAnyNumberOfProcessors(t *testing.T) {
	files := []string{InteractionsFile, lines(5*chunk + 12_345), FindingsFile, lines(2 * chunk), SealsFile, ""}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one := packed(t, files...)
	runtime.GOMAXPROCS(7)
	if many := packed(t, files...); !bytes.Equal(one, many) {
		t.Errorf("one processor and seven make different packages, of %d and %d bytes", len(one), len(many))
	}
}

// What a regulator has at hand opens a package.
func TestPackageOpensWithOrdinaryPrograms(t *testing.T) {
	text := lines(2*chunk + 77)
	file := filepath.Join(t.TempDir(), "package.zip")
	if err := os.WriteFile(file, packed(t, ReportFile, "<p>报告</p>", InteractionsFile, text, "report/报告.csv", "a,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	programs := [][]string{
		{"unzip", "-tq", file},
		{"python3", "-c", `import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
assert z.namelist() == ["README.html", "data/interactions.jsonl", "report/报告.csv", "manifest.json", "manifest.sig"], z.namelist()
assert len(z.read("data/interactions.jsonl")) == int(sys.argv[2])`, file, fmt.Sprint(len(text))},
	}
	ran := 0
	for _, p := range programs {
		if _, err := exec.LookPath(p[0]); err != nil {
			continue // a machine without it still has the other, and archive/zip in the reader's test
		}
		ran++
		if out, err := exec.CommandContext(t.Context(), p[0], p[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", p[0], err, out)
		}
	}
	t.Logf("%d programs opened it", ran)
}

func TestWriterRefusesWhatAReaderWould(t *testing.T) {
	for _, name := range []string{"", "/etc/passwd", "../a", "a/../b", "a//b", "a\\b", "C:/a", "a\x00b", "a\nb", "con./a", "a ", strings.Repeat("a", 256), ManifestFile, "a\xff"} {
		if _, err := NewWriter(new(bytes.Buffer)).Create(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	w := NewWriter(new(bytes.Buffer))
	f, err := w.Create("a/b")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Create("A/B"); err == nil {
		t.Error("a name that differs in capitals only is taken")
	}
}

func BenchmarkWriter(b *testing.B) {
	text := lines(64 << 20)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		b.ReportMetric(float64(len(text))/float64(len(packed(b, InteractionsFile, text))), "ratio")
	}
}
