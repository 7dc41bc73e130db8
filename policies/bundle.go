package policies

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// FoldVersion is the version of what stands between an event and the facts: detectors and session
// fold. It is part of the revision; whoever changes what either of them gives raises it.
const FoldVersion = 2

// Bundle is one revision of everything that decides: packs, parameters, lexicons and clauses.
// It is immutable.
type Bundle struct {
	Revision string             // digest over all of it, SHA-256 in hex; findings carry it
	Rules    []Rule             // the catalogue, ordered by pack and id
	Lexicons map[string]Lexicon // by name

	topics        []topic
	params        parameters
	jurisdictions jurisdictions
}

//go:embed cn/*.rego eu/*.rego quality/*.rego
//go:embed params.yaml clauses.yaml jurisdictions.yaml lexicon scenarios
var builtin embed.FS

// Builtin is the bundle's source that ships inside the binary: packs, params.yaml, lexicon/,
// clauses.yaml and scenarios/.
func Builtin() fs.FS { return builtin }

// Load reads and checks a bundle as a whole. Whatever is wrong with it is in the error, each fault
// with file and line (see Fault); a bundle with any fault is refused.
func Load(fsys fs.FS) (*Bundle, error) {
	topics, topicErr := loadTopics(fsys)
	lexicons, lexiconErr := loadLexicons(fsys)
	clauses, clauseErr := loadClauses(fsys)
	where, whereErr := loadJurisdictions(fsys)
	params, paramErr := loadParams(fsys, topics, topicErr == nil)

	var rules []Rule
	var catalogueErr, compileErr error
	if clauseErr == nil {
		rules, catalogueErr = loadCatalogue(topics, clauses)
	}
	if topicErr == nil {
		_, compileErr = compile(topics, params)
	}
	if err := errors.Join(topicErr, lexiconErr, clauseErr, whereErr, paramErr, catalogueErr, compileErr); err != nil {
		return nil, err
	}
	revision, err := digest(fsys)
	if err != nil {
		return nil, err
	}
	return &Bundle{
		Revision: revision, Rules: rules, Lexicons: lexicons,
		topics: topics, params: params, jurisdictions: where,
	}, nil
}

// digest is the revision: over the bytes of every file that decides, in the order of their names
// and with LF line ends, so that neither the file system nor a checkout changes it. Tests and
// scenarios decide nothing.
func digest(fsys fs.FS) (string, error) {
	files := []string{clausesFile, jurisdictionsFile, paramsFile}
	for _, pattern := range append(globs(packNames, "*.rego"), "lexicon/*.yaml") {
		found, err := fs.Glob(fsys, pattern)
		if err != nil {
			return "", err
		}
		files = append(files, found...)
	}
	files = slices.DeleteFunc(files, isTest)
	slices.Sort(files)

	h := sha256.New()
	fmt.Fprintf(h, "mingjian policies, fold %d\n", FoldVersion)
	for _, file := range files {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return "", fmt.Errorf("read %s: %w", file, err)
		}
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		fmt.Fprintf(h, "%s %d\n", file, len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func globs(dirs []string, name string) []string {
	var patterns []string
	for _, d := range dirs {
		patterns = append(patterns, path.Join(d, name))
	}
	return patterns
}
