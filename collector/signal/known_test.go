package signal

import (
	"strconv"
	"strings"
	"testing"

	"mingjian/collector/event"
	"mingjian/policies"
)

// A text that is known is found to say what it said the first time, whether a service says it or its
// interface shows it.
func TestWhatIsKnownIsWhatWasFound(t *testing.T) {
	d, err := New(detectorLexicons(t))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, file := range []string{"label.txt", "apology.txt", "interface.txt", "human_request.txt"} {
		for _, row := range utterances(t, file, 1) {
			texts = append(texts, row[1], row[1]+strings.Repeat("，"+row[1], knownLength/len(row[1])))
		}
	}
	for round := range 3 {
		for _, text := range texts {
			if got, want := d.Detect(event.BotRole, text), d.detectService(text); got != want {
				t.Errorf("round %d: %q says %v, and was found to say %v", round, text, got.Names(), want.Names())
			}
			label, notice := d.Interface(text)
			shown := d.shown.scan(text)
			if both := shown == aiElement|generationElement; both != (label == policies.FullLabel) || notice != (shown&aiElement != 0) {
				t.Errorf("round %d: %q is shown as label %s, notice %v", round, text, label, notice)
			}
			if got, want := d.Detect(event.CustomerRole, text), d.detectCustomer(text); got != want {
				t.Errorf("round %d: a customer's %q says %v, and was found to say %v", round, text, got.Names(), want.Names())
			}
		}
	}
}

func TestWhatIsKnownIsBounded(t *testing.T) {
	d, err := New(detectorLexicons(t))
	if err != nil {
		t.Fatal(err)
	}
	for i := range knownTexts + 100 {
		d.Detect(event.BotRole, strconv.Itoa(i))
	}
	d.Detect(event.BotRole, strings.Repeat("长", knownLength))
	if n := d.known.Len(); n != knownTexts {
		t.Errorf("%d texts are known, of at most %d", n, knownTexts)
	}
	if d.known.Contains(said{text: strings.Repeat("长", knownLength)}) {
		t.Error("a text over the bound is known")
	}
}

func detectorLexicons(t *testing.T) map[string]policies.Lexicon {
	t.Helper()
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return b.Lexicons
}
