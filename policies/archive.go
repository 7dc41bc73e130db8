package policies

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/afero"
)

// layersDir is where an archive keeps the parameters of the layers above the first: layers/1/params.yaml
// is what was laid over params.yaml. No other file of a source may begin with it.
const layersDir = "layers"

// files reads every file that decides, by its path in an archive and with LF line ends, so that neither
// the file system nor a checkout changes the revision. Tests and scenarios decide nothing.
func files(fsys fs.FS) (map[string][]byte, error) {
	names := []string{calendarsFile, clausesFile, jurisdictionsFile, overridesFile, tenantsFile}
	for _, pattern := range append(globs(packNames, "*.rego"), "lexicon/*.yaml") {
		found, err := fs.Glob(fsys, pattern)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	out := map[string][]byte{}
	read := func(tree fs.FS, file, as string) error {
		data, err := fs.ReadFile(tree, file)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		out[as] = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		return nil
	}
	for _, file := range slices.DeleteFunc(names, isTest) {
		if err := read(fsys, file, file); err != nil {
			return nil, err
		}
	}
	// The values of every layer count, one over the other.
	layers, above := layersOf(fsys), 0
	for _, layer := range layers {
		if len(layers) > 1 && !has(layer, paramsFile) {
			continue
		}
		as := paramsFile
		if above > 0 {
			as = path.Join(layersDir, strconv.Itoa(above), paramsFile)
		}
		above++
		if err := read(layer, paramsFile, as); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// digest is the revision: over the version of the fold and every file that decides.
func digest(files map[string][]byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "mingjian policies, fold %d\n", FoldVersion)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d\n", file, len(files[file]))
		h.Write(files[file])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Files are the files that the revision is a digest of, by path: what Archived needs in order to give
// the same bundle again. They are not to be changed.
func (b *Bundle) Files() map[string][]byte { return b.files }

// Archived is the source that Files were taken from. Loaded by a program of the same FoldVersion it
// gives the same revision.
func Archived(files map[string][]byte) (fs.FS, error) {
	base, layers := afero.NewMemMapFs(), map[string]fs.FS{}
	for name, data := range files {
		if rest, ok := strings.CutPrefix(name, layersDir+"/"); ok {
			number, file, _ := strings.Cut(rest, "/")
			layer := afero.NewMemMapFs()
			if err := afero.WriteFile(layer, file, data, 0o444); err != nil {
				return nil, fmt.Errorf("archived policies: %w", err)
			}
			layers[number] = afero.NewIOFS(layer)
			continue
		}
		if err := afero.WriteFile(base, name, data, 0o444); err != nil {
			return nil, fmt.Errorf("archived policies: %w", err)
		}
	}
	var source fs.FS = afero.NewIOFS(base)
	for i := range len(layers) {
		layer, ok := layers[strconv.Itoa(i+1)]
		if !ok {
			return nil, fmt.Errorf("archived policies: layer %d of %d is not there", i+1, len(layers))
		}
		source = Over(source, layer)
	}
	return source, nil
}
