package policies

import (
	"embed"
	"errors"
	"io/fs"
	"path"
)

// FoldVersion is the version of what stands between an event and the facts: detectors and session
// fold. It is part of the revision; whoever changes what either of them gives raises it.
const FoldVersion = 3

// Bundle is one revision of everything that decides: packs, parameters, lexicons and clauses.
// It is immutable.
type Bundle struct {
	Revision string             // digest over all of it, SHA-256 in hex; findings carry it
	Rules    []Rule             // the catalogue, ordered by pack and id
	Lexicons map[string]Lexicon // by name

	topics        []topic // asked about sessions
	indicators    []topic // asked about indicators
	params        parameters
	overrides     overrides
	jurisdictions jurisdictions
	tenants       tenants
	functions     []function // what rules may call beside OPA's own
	files         map[string][]byte
}

//go:embed core/*.rego cn/*.rego cn47746/*.rego es/*.rego eu/*.rego us/*.rego kr/*.rego quality/*.rego sampling compensation authz
//go:embed fixture_test.rego params.yaml clauses.yaml jurisdictions.yaml calendars.yaml tenants.yaml overrides.yaml lexicon scenarios
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
	calendars, calendarErr := loadCalendars(fsys)
	tenants, tenantErr := loadTenants(fsys, tenantsFile, calendars)
	params, paramErr := loadParams(fsys, topics, topicErr == nil)
	overrides, overrideErr := loadOverrides(fsys, topics, tenants, topicErr == nil)
	functions := calendars.functions()

	var rules []Rule
	var catalogueErr, compileErr error
	if clauseErr == nil {
		rules, catalogueErr = loadCatalogue(topics, clauses)
	}
	if topicErr == nil {
		_, compileErr = compile(topics, params, functions)
	}
	if err := errors.Join(topicErr, lexiconErr, clauseErr, whereErr, calendarErr, tenantErr, paramErr, overrideErr, catalogueErr, compileErr); err != nil {
		return nil, err
	}
	files, err := files(fsys)
	if err != nil {
		return nil, err
	}
	return &Bundle{
		Revision: digest(files), Rules: rules, Lexicons: lexicons, files: files,
		topics: aboutSessions(topics), indicators: aboutIndicators(topics), params: params, overrides: overrides, jurisdictions: where, tenants: tenants, functions: functions,
	}, nil
}

func globs(dirs []string, name string) []string {
	var patterns []string
	for _, d := range dirs {
		patterns = append(patterns, path.Join(d, name))
	}
	return patterns
}
