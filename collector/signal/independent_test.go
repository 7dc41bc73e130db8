package signal

import (
	"testing"

	"mingjian/collector/event"
)

// independent are the tables of testdata/independent: 300 utterances each, written, and fixed, by people
// who had not read the lexicons. They are what the lexicons were then made to read, line by line, so
// that they say what is covered and not how well it generalises. That is what testdata/fresh is for: 100
// more each by another writer, which nobody who edits the lexicons reads.
var independent = []struct {
	name, file string
	role       event.Role
	found      func(Set) string // what a detector says, as the table's verdicts say it
	positive   string
}{
	{"human request", "human_request.txt", event.CustomerRole, yes(HumanRequest), "+"},
	{"apology", "apology.txt", event.BotRole, yes(Apology), "+"},
	{"fallback", "fallback.txt", event.BotRole, yes(Fallback), "+"},
	{"escape word", "escape.txt", event.CustomerRole, yes(Escape), "+"},
	{"AI label, full", "label.txt", event.BotRole, labelForm, "full"},
	{"AI label, incomplete", "label.txt", event.BotRole, labelForm, "incomplete"},
}

func yes(kind Set) func(Set) string {
	return func(s Set) string {
		if s&kind != 0 {
			return "+"
		}
		return "-"
	}
}

func labelForm(s Set) string {
	switch {
	case s&LabelFull != 0:
		return "full"
	case s&LabelIncomplete != 0:
		return "incomplete"
	}
	return "-"
}

// tally counts the answers of one detector against a table's verdicts.
type tally struct{ both, found, labelled int }

func (c *tally) add(found, labelled bool) {
	if found {
		c.found++
	}
	if labelled {
		c.labelled++
	}
	if found && labelled {
		c.both++
	}
}

func (c tally) precision() float64 { return float64(c.both) / float64(max(c.found, 1)) }
func (c tally) recall() float64    { return float64(c.both) / float64(max(c.labelled, 1)) }

// measure runs a detector over a table.
func measure(t *testing.T, folder string, least int, seen func(name string, row [2]string)) map[string]tally {
	t.Helper()
	d := detector(t)
	out := map[string]tally{}
	for _, tt := range independent {
		rows := utterances(t, folder+"/"+tt.file, 1)
		if len(rows) < least {
			t.Errorf("%s: only %d utterances", tt.file, len(rows))
		}
		var all tally
		for _, row := range rows {
			found, labelled := tt.found(d.Detect(tt.role, row[1])) == tt.positive, row[0] == tt.positive
			all.add(found, labelled)
			if found != labelled && seen != nil {
				seen(tt.name, [2]string{row[0], row[1]})
			}
		}
		t.Logf("%-21s precision %.3f, recall %.3f", tt.name, all.precision(), all.recall())
		out[tt.name] = all
	}
	return out
}

func TestIndependentUtterances(t *testing.T) {
	const wanted = 0.97 // precision and recall each
	wrong := func(name string, row [2]string) { t.Logf("%s: %s is %s", name, row[1], row[0]) }
	for name, all := range measure(t, "independent", 300, wrong) {
		if all.precision() < wanted || all.recall() < wanted {
			t.Errorf("%s: precision %.3f, recall %.3f; want %.2f each", name, all.precision(), all.recall(), wanted)
		}
	}
}

// How far the lexicons carry beyond what they were made to read. The floor only notices when an edit
// makes that much worse; the lines that are wrong are not shown, so that they stay unread.
func TestFreshUtterances(t *testing.T) {
	const floor = 0.8 // precision and recall each
	for name, all := range measure(t, "fresh", 100, nil) {
		if all.precision() < floor || all.recall() < floor {
			t.Errorf("%s: precision %.3f, recall %.3f; it was over %.2f each", name, all.precision(), all.recall(), floor)
		}
	}
}
