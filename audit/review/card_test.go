package review_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mingjian/audit/review"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
)

const plain = `id: plain
version: 1
title: {zh: 简, en: Plain}
criteria:
  - {id: one, title: {zh: 一, en: One}, guidance: {zh: 一, en: One}, weight: 3}
  - {id: two, title: {zh: 二, en: Two}, guidance: {zh: 二, en: Two}, weight: 1, scale: 4, pass: 3, fatal: true, defect: true, rules: [q-red-line]}
`

func deck(t *testing.T, files map[string]string) (*review.Deck, error) {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return review.LoadCards(folder)
}

func TestTheScoreIsTheWeightedShare(t *testing.T) {
	d, err := deck(t, map[string]string{"plain.yaml": plain})
	if err != nil {
		t.Fatal(err)
	}
	card := d.Find(review.CardRef{ID: "plain", Version: 1})
	for ratings, want := range map[[2]string]string{
		{"pass", "4"}: "100 []", {"fail", "4"}: "25 []", {"pass", "3"}: "93.8 []", {"fail", "na"}: "0 []",
		{"pass", "2"}: "0 [two]", {"pass", "na"}: "100 []", {"na", "3"}: "75 []", {"na", "na"}: "none []",
	} {
		points, fatal := card.Score([]review.Rating{{Criterion: "one", Rating: ratings[0]}, {Criterion: "two", Rating: ratings[1]}})
		got := "none"
		if points != nil {
			got = fmt.Sprint(*points)
		}
		if got += fmt.Sprint(" ", fatal); got != want {
			t.Errorf("%v comes to %s, want %s", ratings, got, want)
		}
	}
}

func TestAllFaultsOfCardsAreToldAtOnceWithTheirLines(t *testing.T) {
	_, err := deck(t, map[string]string{
		"a.yaml": strings.NewReplacer("version: 1", "version: 0", "weight: 3", "weight: 0", "scale: 4, pass: 3", "scale: 4, pass: 5", "en: Plain", `en: ""`, "id: two", "id: one").Replace(plain),
		"b.yaml": strings.ReplaceAll(plain, "fatal:", "fatl:"),
		"c.yaml": plain,
		"d.yaml": plain,
		"e.yaml": "",
		"f.yaml": "id: [",
	})
	want := []string{
		"cards/a.yaml:1: version is a whole number from 1", "cards/a.yaml:1: title is needed in zh and en", "cards/a.yaml:5: criterion one: weight is a whole number from 1",
		"cards/a.yaml:6: criterion one stands twice", "cards/a.yaml:6: criterion one: pass is the lowest rating", "cards/b.yaml:6: unknown key fatl",
		"cards/d.yaml:1: another file holds version 1 of card plain too", "cards/e.yaml:1: the file is empty", "cards/f.yaml:1: ",
	}
	var lines []string
	if err != nil {
		lines = strings.Split(err.Error(), "\n")
	}
	if len(lines) != len(want) {
		t.Errorf("%d faults are told, want %d:\n%s", len(lines), len(want), strings.Join(lines, "\n"))
	}
	for _, w := range want {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, w) }) {
			t.Errorf("not told: %s\n%s", w, strings.Join(lines, "\n"))
		}
	}
	if _, err := deck(t, map[string]string{"a.yaml": strings.Replace(plain, "version: 1", "version: 1\nchannels: [phone]", 1)}); err == nil || !strings.Contains(err.Error(), "no card is for every channel") {
		t.Errorf("a deck without a general card: %v", err)
	}
}

func TestTheCardThatFitsMostIsTaken(t *testing.T) {
	d, err := deck(t, map[string]string{
		"1.yaml": plain, "2.yaml": strings.Replace(plain, "version: 1", "version: 2", 1),
		"phone.yaml": strings.Replace(plain, "id: plain", "id: voice\nchannels: [phone]", 1),
		"loans.yaml": strings.Replace(plain, "id: plain", "id: voice-loans\nchannels: [phone]\nbusiness_lines: [loans]", 1),
	})
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[[2]string]string{{"app", "loans"}: "plain 2", {"phone", "cards"}: "voice 1", {"phone", "loans"}: "voice-loans 1"} {
		if c := d.For(asked[0], asked[1]); fmt.Sprint(c.ID, " ", c.Version) != want {
			t.Errorf("%v gets %s %d, want %s", asked, c.ID, c.Version, want)
		}
	}
}

func TestAPublishedCardNeverChanges(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		with := func(files fstest.MapFS) func(*review.Options) {
			return func(o *review.Options) { o.Cards = files }
		}
		d := open(t, dsn, with(fstest.MapFS{"plain.yaml": {Data: []byte(plain)}}))
		id := d.open(sample("s-1"))[0]
		changed := strings.Replace(plain, "weight: 3", "weight: 4", 1)
		_, err := review.New(t.Context(), d.db, d.record, review.Options{Cards: fstest.MapFS{"plain.yaml": {Data: []byte(changed)}}})
		if err == nil || !strings.Contains(err.Error(), "card plain was changed") {
			t.Fatalf("a changed card: %v", err)
		}
		// With a new version the old one stays for what was opened under it, also without its file.
		d = open(t, dsn, with(fstest.MapFS{"plain-2.yaml": {Data: []byte(strings.Replace(changed, "version: 1", "version: 2", 1))}}))
		d.open(sample("s-2"))
		li := d.inspector("li")
		if got := d.get(li, id); got.Card.Version != 1 {
			t.Errorf("the open review moved to %+v", got.Card)
		}
		if got := d.get(li, sample("s-2").ID()); got.Card.Version != 2 {
			t.Errorf("the new review got %+v", got.Card)
		}
		got := d.submit(li, d.claim(li, id), review.Answer{Card: review.CardRef{ID: "plain", Version: 1}, PolicyRevision: revision, Criteria: []review.Rating{{Criterion: "one", Rating: "fail"}, {Criterion: "two", Rating: "4"}}})
		if *got.Verdict.Score != 25 || got.Verdict.Defective {
			t.Errorf("by the old card: %+v", got.Verdict)
		}
	})
}

func TestTheCardsThatComeWithTheProgram(t *testing.T) {
	d, err := review.LoadCards(review.BuiltinCards())
	if err != nil {
		t.Fatal(err)
	}
	var criteria []string
	rules := map[string]string{}
	for _, c := range d.All() {
		for _, k := range c.Criteria {
			criteria = append(criteria, k.ID)
			for _, rule := range k.Rules {
				if rules[c.ID+" "+rule] != "" {
					t.Errorf("card %s: %s is confirmed by %s and %s", c.ID, rule, rules[c.ID+" "+rule], k.ID)
				}
				rules[c.ID+" "+rule] = k.ID
			}
		}
	}
	for _, id := range []string{"disclosure", "human", "correctness", "empathy", "resolution", "privacy", "red-line"} {
		if !slices.Contains(criteria, id) {
			t.Errorf("no card asks about %s", id)
		}
	}
}

func TestAllFaultsOfARosterAreToldAtOnceWithTheirLines(t *testing.T) {
	_, err := review.LoadTeams(fstest.MapFS{"teams.yaml": {Data: []byte(`calendars:
  - id: a
    zone: Mars/Base
    week: {mon: ["09:00-12:00", "11:00-13:00"], tue: ["18:00-09:00"]}
    holidays: [2026-13-01]
default: {max_open: 0}
teams:
  - id: t
    calendar: b
    minutes_per_review: none
    members: [{id: li}, {id: li}]
`)}})
	for _, w := range []string{
		"teams.yaml:3: calendar a: zone", `teams.yaml:4: "11:00-13:00" begins before`, `teams.yaml:4: "18:00-09:00" is no part`, `teams.yaml:5: holiday "2026-13-01"`,
		"teams.yaml:1: default.max_open", `teams.yaml:9: team t: there is no calendar "b"`, "teams.yaml:10: team t: minutes_per_review", "teams.yaml:11: team t: a member needs an id",
	} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("not told: %s\n%v", w, err)
		}
	}
	// New tells the faults of cards and roster together.
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	empty := fs.FS(fstest.MapFS{})
	if _, err := review.New(t.Context(), db, nil, review.Options{Cards: empty, Teams: empty}); err == nil || !strings.Contains(err.Error(), "no card") || !strings.Contains(err.Error(), "teams.yaml") {
		t.Errorf("without cards and roster: %v", err)
	}
}
