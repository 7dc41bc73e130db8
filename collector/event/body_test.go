package event

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// Stored bodies are hashed: the hand that writes them writes what the library does, to the byte.
func TestABodyIsWhatTheLibraryWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := events(t)
		bodied(t, e)
		rest := *e
		rest.Text, rest.Labels, rest.Extra = "", nil, nil
		want, err := json.Marshal(&rest)
		if err != nil {
			t.Fatal(err)
		}
		if got := Body(e); got != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

// bodied draws what events of the stream may have and events(t) leaves out.
func bodied(t *rapid.T, e *Event) {
	text := rapid.StringOf(rapid.Rune())
	flag := rapid.Ptr(rapid.Bool(), true)
	empty := rapid.SampledFrom([]jsontext.Value{nil, {}, jsontext.Value(`{}`), jsontext.Value(`{"z":1,"a":{"b":[]}}`)})
	e.ID, e.Tenant = text.Draw(t, "any id"), text.Draw(t, "any tenant")
	e.Actor.Automated, e.Actor.Extra = rapid.Bool().Draw(t, "automated"), empty.Draw(t, "actor")
	if rapid.Bool().Draw(t, "nobody") {
		e.Actor = Actor{}
	}
	if rapid.Bool().Draw(t, "bare bot") {
		e.Bot = &Bot{Version: text.Draw(t, "version"), Model: text.Draw(t, "model"), Extra: empty.Draw(t, "bot")}
	}
	if c := e.Customer; c != nil {
		c.Jurisdiction, c.Extra = text.Draw(t, "jurisdiction"), empty.Draw(t, "customer")
	}
	if x := e.Entrance; x != nil {
		x.HumanOptionPosition = rapid.Ptr(rapid.Int(), true).Draw(t, "position")
		x.HumanOptionVisible, x.OneTapHuman, x.AccessibleChannel = flag.Draw(t, "visible"), flag.Draw(t, "one tap"), flag.Draw(t, "accessible")
		x.Extra = empty.Draw(t, "entrance")
	}
	if c := e.Close; c != nil {
		c.CSAT, c.Extra = rapid.Ptr(rapid.Float64Range(0, 10), true).Draw(t, "csat"), empty.Draw(t, "close")
	}
	if rapid.Bool().Draw(t, "classified") {
		e.Classified = &Classified{By: text.Draw(t, "by"), Signals: []string{"apology"}, Failed: text.Draw(t, "failed")}
	}
}
