package review

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"mingjian/audit/store"
	"mingjian/policies"
)

//go:embed cards/*.yaml
var builtinCards embed.FS

// BuiltinCards are the score cards that come with the program.
func BuiltinCards() fs.FS {
	files, _ := fs.Sub(builtinCards, "cards") // cannot fail: the folder is embedded
	return files
}

// CardRef names one version of a score card.
type CardRef struct {
	ID      string `json:"id" minLength:"1" maxLength:"64"`
	Version int    `json:"version" minimum:"1"`
}

// Card is what an inspector judges a conversation by. A version never changes: what has to change
// gets the next version, so that a verdict of long ago still says what was asked.
type Card struct {
	ID            string        `json:"id" yaml:"id"`
	Version       int           `json:"version" yaml:"version"`
	Title         policies.Text `json:"title" yaml:"title"`
	Channels      []string      `json:"channels,omitempty" yaml:"channels" doc:"For conversations on these only; empty for all"`
	BusinessLines []string      `json:"business_lines,omitempty" yaml:"business_lines" doc:"Of these only; empty for all"`
	Criteria      []Criterion   `json:"criteria" yaml:"criteria"`

	document string // the YAML as it was read
}

// Criterion is one question of a card.
type Criterion struct {
	ID       string        `json:"id" yaml:"id"`
	Title    policies.Text `json:"title" yaml:"title"`
	Guidance policies.Text `json:"guidance" yaml:"guidance"`
	Weight   int           `json:"weight" yaml:"weight" doc:"Its share of the score, beside those of the others"`
	Fatal    bool          `json:"fatal" yaml:"fatal" doc:"Failing it makes the score 0"`
	Scale    int           `json:"scale,omitempty" yaml:"scale" doc:"Rated 0 to this; absent: pass or fail"`
	Pass     int           `json:"pass,omitempty" yaml:"pass" doc:"The lowest rating on the scale that does not fail"`
	Defect   bool          `json:"defect" yaml:"defect" doc:"Failing it makes the session a nonconforming item of its lot (GB/T 2828.1-2012)"`
	Rules    []string      `json:"rules,omitempty" yaml:"rules" doc:"The rules whose findings it confirms or overrules"`
}

// The ratings that are no number.
const (
	Pass          = "pass"
	Fail          = "fail"
	NotApplicable = "na"
)

// share is what a rating earns of the criterion's weight, 0 to 1. rated is false for "na"; ok is
// false for what is no rating of this criterion.
func (c Criterion) share(rating string) (share float64, rated, ok bool) {
	switch {
	case rating == NotApplicable:
		return 0, false, true
	case c.Scale == 0:
		return map[string]float64{Pass: 1}[rating], true, rating == Pass || rating == Fail
	}
	n, err := strconv.Atoi(rating)
	return float64(n) / float64(c.Scale), true, err == nil && n >= 0 && n <= c.Scale && strconv.Itoa(n) == rating
}

// fails reports whether a valid rating fails the criterion.
func (c Criterion) fails(rating string) bool {
	if rating == NotApplicable || c.Scale == 0 {
		return rating == Fail
	}
	n, err := strconv.Atoi(rating)
	return err != nil || n < c.Pass
}

// ratings says in words what a criterion takes.
func (c Criterion) ratings() string {
	if c.Scale == 0 {
		return "pass, fail or na"
	}
	return fmt.Sprintf("a whole number from 0 to %d, or na", c.Scale)
}

// criterion returns the criterion of an id.
func (c *Card) criterion(id string) (Criterion, bool) {
	i := slices.IndexFunc(c.Criteria, func(k Criterion) bool { return k.ID == id })
	if i < 0 {
		return Criterion{}, false
	}
	return c.Criteria[i], true
}

// Score is what valid ratings come to, in points from 0 to 100 with one decimal:
//
//	100 × Σ weight × share ÷ Σ weight
//
// over the criteria that were rated, where share is 1 for pass, 0 for fail and rating ÷ scale on a
// scale; "na" leaves a criterion out of both sums. A failed fatal criterion makes it 0, and fatal
// names those. Where nothing was rated there is no score: nil.
func (c *Card) Score(ratings []Rating) (points *float64, fatal []string) {
	var earned, weight float64
	for _, r := range ratings {
		k, ok := c.criterion(r.Criterion)
		if !ok {
			continue
		}
		share, rated, _ := k.share(r.Rating)
		if !rated {
			continue
		}
		earned += float64(k.Weight) * share
		weight += float64(k.Weight)
		if k.Fatal && k.fails(r.Rating) {
			fatal = append(fatal, k.ID)
		}
	}
	if weight == 0 {
		return nil, nil
	}
	p := math.Round(1000*earned/weight) / 10
	if len(fatal) > 0 {
		p = 0
	}
	return &p, fatal
}

// Deck is all cards, each in all its versions.
type Deck struct {
	cards   []*Card         // files of the folder, by name
	current map[string]bool // ids that are in the folder; others are kept for old reviews only
}

// Find returns one version of a card; nil where there is none.
func (d *Deck) Find(ref CardRef) *Card {
	for _, c := range d.cards {
		if c.ID == ref.ID && c.Version == ref.Version {
			return c
		}
	}
	return nil
}

// All returns the cards that new reviews may get, in their newest versions.
func (d *Deck) All() (out []*Card) {
	for _, c := range d.cards {
		newest := !slices.ContainsFunc(d.cards, func(o *Card) bool { return o.ID == c.ID && o.Version > c.Version })
		if newest && d.current[c.ID] {
			out = append(out, c)
		}
	}
	return out
}

// For returns the card for a conversation: of those whose channels and business lines fit, the one
// that asks for most of the two, the first by id where several do.
func (d *Deck) For(channel, businessLine string) *Card {
	var best *Card
	most := -1
	for _, c := range d.All() {
		fits := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
		if !fits(c.Channels, channel) || !fits(c.BusinessLines, businessLine) {
			continue
		}
		asks := min(len(c.Channels), 1) + min(len(c.BusinessLines), 1)
		if asks > most || asks == most && c.ID < best.ID {
			best, most = c, asks
		}
	}
	return best
}

// LoadCards reads every .yaml file of a folder, one version of a card each. All faults of all files
// are in the error, each with its file and line.
func LoadCards(files fs.FS) (*Deck, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("score cards: %w", err)
	}
	d := &Deck{current: map[string]bool{}}
	var faults []error
	general := false
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			faults = append(faults, fmt.Errorf("score cards: %w", err))
			continue
		}
		c, wrong := readCard(path.Join("cards", name), data)
		if faults = append(faults, wrong...); len(wrong) > 0 {
			general = true // it may have been the one; that fault would only distract
			continue
		}
		if other := d.Find(CardRef{c.ID, c.Version}); other != nil {
			faults = append(faults, fmt.Errorf("cards/%s:1: another file holds version %d of card %s too", name, c.Version, c.ID))
			continue
		}
		general = general || len(c.Channels) == 0 && len(c.BusinessLines) == 0
		d.cards = append(d.cards, c)
		d.current[c.ID] = true
	}
	if !general {
		faults = append(faults, errors.New("cards: no card is for every channel and business line; leave both out in one of them, so that every conversation has a card"))
	}
	return d, errors.Join(faults...)
}

// readCard reads one card and says everything that is wrong with it.
func readCard(file string, data []byte) (*Card, []error) {
	c := &Card{document: string(data)}
	faults := decodeYAML(file, data, c)
	if len(faults) > 0 {
		return nil, faults
	}
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return nil, []error{fmt.Errorf("%s: %w", file, err)}
	}
	say := func(n *yaml.Node, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s:%d: %s", file, max(n.Line, 1), fmt.Sprintf(format, args...)))
	}
	both := func(n *yaml.Node, what string, t policies.Text) {
		if strings.TrimSpace(t.ZH) == "" || strings.TrimSpace(t.EN) == "" {
			say(n, "%s is needed in zh and en", what)
		}
	}
	root := node.Content[0]
	if c.ID == "" {
		say(root, "id is missing")
	}
	if c.Version < 1 {
		say(root, "version is a whole number from 1")
	}
	both(root, "title", c.Title)
	list := valueOf(root, "criteria")
	if len(c.Criteria) == 0 {
		say(root, "criteria are missing")
	}
	seen := map[string]bool{}
	for i, k := range c.Criteria {
		n := list.Content[i]
		switch {
		case k.ID == "":
			say(n, "criterion %d: id is missing", i+1)
		case seen[k.ID]:
			say(n, "criterion %s stands twice", k.ID)
		}
		seen[k.ID] = true
		both(n, "title of criterion "+k.ID, k.Title)
		both(n, "guidance of criterion "+k.ID, k.Guidance)
		if k.Weight < 1 {
			say(n, "criterion %s: weight is a whole number from 1", k.ID)
		}
		if k.Scale < 0 || k.Scale == 1 {
			say(n, "criterion %s: scale is 2 or more; leave it out for pass or fail", k.ID)
		}
		if k.Scale > 1 && (k.Pass < 1 || k.Pass > k.Scale) || k.Scale == 0 && k.Pass != 0 {
			say(n, "criterion %s: pass is the lowest rating that does not fail, from 1 to the scale, and there only with a scale", k.ID)
		}
	}
	return c, faults
}

// valueOf is the value of a mapping's key; an empty node where there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return &yaml.Node{}
}

// decodeYAML decodes one document; keys that the value does not know are faults.
func decodeYAML(file string, data []byte, into any) []error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	err := d.Decode(into)
	var typed *yaml.TypeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return []error{fmt.Errorf("%s:1: the file is empty", file)}
	case errors.As(err, &typed):
		var faults []error
		for _, m := range typed.Errors {
			line, what, _ := strings.Cut(strings.TrimPrefix(m, "line "), ": ")
			if name, rest, ok := strings.Cut(strings.TrimPrefix(what, "field "), " not found in type "); ok && rest != "" {
				what = "unknown key " + name
			}
			faults = append(faults, fmt.Errorf("%s:%s: %s", file, line, what))
		}
		return faults
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line, what, ok := strings.Cut(strings.TrimPrefix(text, "line "), ": ")
	if !ok {
		line, what = "1", text
	}
	return []error{fmt.Errorf("%s:%s: %s", file, line, what)}
}

// keepCards stores each card for good, refuses one that was changed without a new version, and
// brings back those that are no longer in the folder, for the reviews that name them.
func (r *Reviews) keepCards(ctx context.Context, tx *store.Tx) error {
	type row struct {
		ref      CardRef
		document string
	}
	stored, err := collect(ctx, tx, func(s interface{ Scan(...any) error }) (v row, err error) {
		return v, s.Scan(&v.ref.ID, &v.ref.Version, &v.document)
	}, `SELECT id, version, document FROM review_cards ORDER BY id, version`)
	if err != nil {
		return err
	}
	var faults []error
	known := map[CardRef]bool{}
	for _, s := range stored {
		known[s.ref] = true
		c := r.cards.Find(s.ref)
		if c == nil {
			old, wrong := readCard(fmt.Sprintf("stored card %s version %d", s.ref.ID, s.ref.Version), []byte(s.document))
			if faults = append(faults, wrong...); len(wrong) == 0 {
				r.cards.cards = append(r.cards.cards, old)
			}
		} else if c.document != s.document {
			faults = append(faults, fmt.Errorf("card %s was changed, and reviews may name its version %d; put the file back, or give what you changed version %d in a file of its own", c.ID, c.Version, c.Version+1))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for _, c := range r.cards.cards {
		if known[CardRef{c.ID, c.Version}] {
			continue
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO review_cards (id, version, document) VALUES ($1, $2, $3) ON CONFLICT (id, version) DO NOTHING`, c.ID, c.Version, c.document); err != nil {
			return fmt.Errorf("keep card %s: %w", c.ID, err)
		}
		if err := tx.Record(ctx, store.Entry{Actor: system, Action: "card.published", Subject: fmt.Sprintf("card:%s:%d", c.ID, c.Version)}); err != nil {
			return err
		}
	}
	return nil
}

// Cards are the score cards that new reviews get.
func (r *Reviews) Cards() []*Card { return r.cards.All() }

// Card returns one version of a card, also of one that is no longer used.
func (r *Reviews) Card(ref CardRef) (*Card, error) {
	if c := r.cards.Find(ref); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%w: card %s has no version %d", ErrNotFound, ref.ID, ref.Version)
}
