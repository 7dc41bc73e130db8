package policies

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/afero"
)

// Source is where an installation's policies come from: what ships inside the binary, and over it the
// files of a directory that its officers edit. A file there takes the place of the shipped one of the
// same path (lexicon/apology.yaml, tenants.yaml, overrides.yaml, cn/human.rego …); in params.yaml only
// the values that differ need to stand.
type Source struct {
	Dir string // "" for what ships alone
	// Demo takes the settings of tenants from the scenarios, whose tenants have set what they have to.
	Demo bool
}

// scenarioTenants are the settings of the tenants that scenarios play.
const scenarioTenants = "scenarios/" + tenantsFile

// Load reads the policies as a whole; see the function Load.
func (s Source) Load() (*Bundle, error) {
	fsys, err := s.FS()
	if err != nil {
		return nil, err
	}
	return Load(fsys)
}

// FS is the source as one tree.
func (s Source) FS() (fs.FS, error) {
	base := Builtin()
	if s.Demo {
		played, err := fs.ReadFile(base, scenarioTenants)
		if err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
		files := afero.NewMemMapFs()
		if err := afero.WriteFile(files, tenantsFile, played, 0o444); err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
		base = Over(base, afero.NewIOFS(files))
	}
	if s.Dir == "" {
		return base, nil
	}
	if info, err := os.Stat(s.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("policies: %s is not a directory; make it, or leave --policies out to use what ships", s.Dir)
	}
	return Over(base, os.DirFS(s.Dir)), nil
}

// Stamp changes whenever a file of the directory does: it is over names, sizes and times of change,
// and cheap enough to be asked every few seconds.
func (s Source) Stamp() (string, error) {
	if s.Dir == "" {
		return "", nil
	}
	h := sha256.New()
	err := fs.WalkDir(os.DirFS(s.Dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("policies: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Over lays a tree over another: its files take the place of those of the same path.
func Over(base, upper fs.FS) fs.FS {
	union := afero.NewCopyOnWriteFs(afero.FromIOFS{FS: base}, afero.NewReadOnlyFs(afero.FromIOFS{FS: upper}))
	return layered{afero.NewIOFS(union), base, upper}
}

// layered is a tree over another that still knows the two apart.
type layered struct {
	fs.FS
	base, upper fs.FS
}

// layersOf are the trees that a source is laid of, lowest first.
func layersOf(fsys fs.FS) []fs.FS {
	if l, ok := fsys.(layered); ok {
		return append(layersOf(l.base), layersOf(l.upper)...)
	}
	return []fs.FS{fsys}
}

// has reports whether a tree holds a file.
func has(fsys fs.FS, file string) bool {
	_, err := fs.Stat(fsys, file)
	return !errors.Is(err, fs.ErrNotExist)
}
