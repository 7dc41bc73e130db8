package policies

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Lexicon is the data of one detector, read from lexicon/<name>.yaml; lexicon/README.md describes
// the file. What a detector does with it (spelling, overlap) is package signal's business.
type Lexicon struct {
	Name  string
	About Text
	// Phrases and Patterns are what to look for, ordered by language and then as in the file.
	Phrases  []Phrase
	Patterns []Pattern
	// Except voids the hits that it overlaps: 人工费 is no 人工, 非AI生成 is no label.
	Except Exceptions
}

// Exceptions are the phrases and patterns that void a hit.
type Exceptions struct {
	Phrases  []Phrase
	Patterns []Pattern
}

// Phrase is literal text in one language.
type Phrase struct {
	Lang string // ISO 639-1, or "any"
	Text string
}

// Pattern is an RE2 expression, for what phrases cannot say.
type Pattern struct {
	Lang string // ISO 639-1, or "any"
	Expr *regexp.Regexp
}

// lexiconFile is the shape of lexicon/<name>.yaml.
type lexiconFile struct {
	About       Text `yaml:"about"`
	expressions `yaml:",inline"`
	Except      expressions `yaml:"except"`
}

type expressions struct {
	Phrases  map[string][]positioned[string] `yaml:"phrases"`
	Patterns map[string][]positioned[string] `yaml:"patterns"`
}

var language = regexp.MustCompile(`^([a-z]{2}|any)$`)

func loadLexicons(fsys fs.FS) (map[string]Lexicon, error) {
	files, err := fs.Glob(fsys, "lexicon/*.yaml")
	if err != nil {
		return nil, err
	}
	lexicons := make(map[string]Lexicon, len(files))
	var faults []error
	for _, file := range files {
		var f lexiconFile
		if err := readYAML(fsys, file, &f); err != nil {
			faults = append(faults, err)
			continue
		}
		l := Lexicon{Name: strings.TrimSuffix(path.Base(file), ".yaml"), About: f.About}
		var err1, err2 error
		l.Phrases, l.Patterns, err1 = f.compile(file)
		l.Except.Phrases, l.Except.Patterns, err2 = f.Except.compile(file)
		if f.About.ZH == "" || f.About.EN == "" {
			faults = append(faults, faultf(file, 1, "about: needs zh and en"))
		}
		if len(l.Phrases)+len(l.Patterns) == 0 {
			faults = append(faults, faultf(file, 1, "no phrases and no patterns: the detector would find nothing"))
		}
		faults = append(faults, err1, err2)
		lexicons[l.Name] = l
	}
	return lexicons, errors.Join(faults...)
}

func (e expressions) compile(file string) (phrases []Phrase, patterns []Pattern, err error) {
	var faults []error
	each := func(byLang map[string][]positioned[string], use func(lang string, p positioned[string])) {
		for _, lang := range slices.Sorted(maps.Keys(byLang)) {
			first := map[string]int{} // text → line of its first mention
			for _, p := range byLang[lang] {
				switch {
				case !language.MatchString(lang):
					faults = append(faults, faultf(file, p.line, "language %q: want a two-letter code or any", lang))
				case strings.TrimSpace(p.value) == "":
					faults = append(faults, faultf(file, p.line, "empty entry: it would match every text"))
				case first[p.value] > 0:
					faults = append(faults, faultf(file, p.line, "%q is already in line %d", p.value, first[p.value]))
				default:
					first[p.value] = p.line
					use(lang, p)
				}
			}
		}
	}
	each(e.Phrases, func(lang string, p positioned[string]) {
		phrases = append(phrases, Phrase{Lang: lang, Text: p.value})
	})
	each(e.Patterns, func(lang string, p positioned[string]) {
		re, err := regexp.Compile(p.value)
		if err == nil && re.MatchString("") {
			err = errors.New("matches the empty text")
		}
		if err != nil {
			faults = append(faults, faultf(file, p.line, "pattern %q: %v", p.value, err))
			return
		}
		patterns = append(patterns, Pattern{Lang: lang, Expr: re})
	})
	return phrases, patterns, errors.Join(faults...)
}
