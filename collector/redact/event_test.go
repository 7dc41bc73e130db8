package redact_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/redact"
)

// decoded is an event with the given fields beside the required ones.
func decoded(t *testing.T, fields string) *event.Event {
	t.Helper()
	value := `{"event_id":"e","session_id":"s","ts":1772452800000,"kind":"message","actor":{"role":"customer","id":"u-1"},` + fields + `}`
	e, reject := event.Decode(nil, []byte(value), time.UnixMilli(1772452800000))
	if reject != nil {
		t.Fatalf("%s: %v", value, reject)
	}
	return e
}

// stored is everything of an event that a row keeps.
func stored(e *event.Event) string {
	return strings.Join([]string{e.Text, event.Body(e), string(e.Labels), string(e.Extra)}, "\n")
}

func TestEveryFreeStringOfAnEventIsMasked(t *testing.T) {
	const secret = "13812345678"
	fields := []string{
		`"text":"打%s"`, `"ai":{"mark":"打%s"}`, `"ai":{"intent":"打%s"}`, `"ai":{"sources":["x","打%s"]}`, `"entrance":{"ai_label":"打%s"}`,
		`"menu":{"options":["打%s"]}`, `"menu":{"pressed":"%s"}`, `"handoff":{"reason":"打%s"}`, `"handoff":{"via":"打%s"}`, `"handoff":{"passed":["打%s"]}`,
		`"callback":{"what":"打%s"}`, `"promise":{"what":"打%s"}`, `"due":"打%s"`, `"labels":{"note":["打%s"]}`, `"x":{"y":[{"z":"打%s"}]}`, `"x":%s`,
		`"x":{"%s":1}`, `"customer":{"seen":"打%s"}`, `"bot":{"x":"%s"}`, `"media":{"x":"%s"}`, `"entrance":{"x":"%s"}`, `"menu":{"x":"%s"}`, `"handoff":{"x":"%s"}`,
		`"callback":{"x":"%s"}`, `"decision":{"x":"%s"}`, `"claim":{"x":"%s"}`, `"close":{"x":"%s"}`, `"unlabelled_on_request":{"x":"%s"}`,
		`"customer":{"id":"%s"}`, `"customer":{"province":"%s"}`, `"handoff":{"agent_id":"%s"}`, `"x":"\u0031\u0033\u0038\u0031\u0032\u0033\u0034\u0035\u0036\u0037\u0038%.0s"`,
	}
	for _, f := range fields {
		e := decoded(t, fmt.Sprintf(f, secret))
		kinds := redact.Event(e, nil)
		if got := stored(e); strings.Contains(got, secret) || !strings.Contains(got, "⟦phone⟧") || !kinds.Has(redact.Phone) {
			t.Errorf("%s: kinds %v, row\n%s", f, kinds.Names(), got)
		}
		if again := redact.Event(e, nil); again != 0 {
			t.Errorf("%s: masked again: %v", f, again.Names())
		}
		row, err := event.FromStored(event.Body(e), e.Text, e.TextBytes, e.Flags, string(e.Labels), string(e.Extra))
		if err != nil || stored(row) != stored(e) {
			t.Errorf("%s: not the same event when read again: %v", f, err)
		}
	}
}

func TestWhatThingsAreFoundByStays(t *testing.T) {
	e := decoded(t, `"tenant":"13812345678","business_line":"13812345678","ticket_id":"13812345678","claim":{"order_id":"13812345678","kind":"other"},
		"media":{"uri":"https://rec.example/13812345678.wav"},"x":{"order":"2026101200012345678","n":202610120001,"when":1772452800000}`)
	before := stored(e)
	if kinds := redact.Event(e, nil); kinds != 0 || stored(e) != before {
		t.Errorf("kinds %v, row\n%s\nwant\n%s", kinds.Names(), stored(e), before)
	}
}

func TestAnIdentifierThatIsPersonalDataGetsAPseudonym(t *testing.T) {
	e := decoded(t, `"customer":{"id":"13812345678"},"handoff":{"agent_id":"a-1024"}`)
	kinds := redact.Event(e, func(id string) string { return "p-" + fmt.Sprint(len(id)) })
	if e.Customer.ID != "p-11" || e.Handoff.AgentID != "a-1024" || e.Actor.ID != "u-1" || !slices.Equal(kinds.Names(), []string{"phone"}) {
		t.Errorf("customer %q, agent %q, actor %q, kinds %v", e.Customer.ID, e.Handoff.AgentID, e.Actor.ID, kinds.Names())
	}
}

func TestLongInputAtAMenuIsMaskedWhateverItIs(t *testing.T) {
	for in, want := range map[string]string{"1": "1", "*0#": "*0#", "12345": "12345", "123456": "⟦digits⟧", "110101199003077758": "⟦id_card⟧", "880012345#": "⟦digits⟧"} {
		e := decoded(t, `"menu":{"pressed":"`+in+`"}`)
		if redact.Event(e, nil); e.Menu.Pressed != want {
			t.Errorf("%s: %s, want %s", in, e.Menu.Pressed, want)
		}
	}
}

func TestANumberAtTheCutOfALongTextIsMasked(t *testing.T) {
	for _, tail := range []string{"13812345678", "110101199003077758", "zhang.san@example.com"} {
		for keep := 1; keep < len(tail); keep++ {
			e := decoded(t, `"text":"`+strings.Repeat("字", (event.MaxText-keep)/3)+strings.Repeat(",", (event.MaxText-keep)%3)+tail+`"`)
			redact.Event(e, nil)
			if i := strings.IndexAny(e.Text, "0123456789@"); i >= 0 {
				t.Errorf("cut after %d bytes of %s: ends with %q", keep, tail, e.Text[i:])
			}
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	value := []byte(`{"event_id":"e","session_id":"s","ts":1772452800000,"kind":"message","actor":{"role":"bot","id":"xiaozhi"},"text":"您好，请问有什么可以帮您？","ai":{"intent":"greeting","confidence":0.9},"labels":{"planted":["q-apology-loop"]}}`)
	e, reject := event.Decode(nil, value, time.UnixMilli(1772452800000))
	if reject != nil {
		b.Fatal(reject)
	}
	b.ReportAllocs()
	for b.Loop() {
		redact.Event(e, nil)
	}
}
