package event

import (
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// events draws events such as Decode makes them.
func events(t *rapid.T) *Event {
	text := rapid.StringN(0, 40, 120).Filter(utf8.ValidString)
	name := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-zA-Z0-9_.:河南号-]{1,20}`))
	id := rapid.StringMatching(`[a-zA-Z0-9_.:号-]{1,20}`)
	whole := rapid.Ptr(rapid.IntRange(0, MaxAge), true)
	share := rapid.Ptr(rapid.Float64Range(0, 1), true)
	flag := rapid.Ptr(rapid.Bool(), true)
	pick := func(vs []string) *rapid.Generator[string] { return rapid.SampledFrom(append([]string{""}, vs...)) }
	some := func(vs []string) *rapid.Generator[[]string] {
		return rapid.OneOf(rapid.Just([]string(nil)), rapid.SliceOfN(rapid.SampledFrom(vs), 0, 3))
	}
	// Objects in the spelling that Decode settles on.
	object := rapid.SampledFrom([]string{"", "", `{"a":[1,{"b":null}],"一":"二"}`, `{"n":900719925474099312345}`, `{"x":1e3}`})
	extra := func(label string) jsontext.Value {
		if s := object.Draw(t, label); s != "" {
			return jsontext.Value(s)
		}
		return nil
	}
	drop := func(v any) bool { return rapid.Bool().Draw(t, reflect.TypeOf(v).String()) }

	e := &Event{
		ID: id.Draw(t, "event_id"), SessionID: id.Draw(t, "session_id"),
		At:     rapid.Int64Range(Earliest.UnixMilli(), clock.Add(MaxAhead).UnixMilli()).Draw(t, "ts"),
		Kind:   Kind(rapid.SampledFrom(kindNames).Draw(t, "kind")),
		Tenant: name.Draw(t, "tenant"), BusinessLine: name.Draw(t, "line"),
		Channel: pick(channels).Draw(t, "channel"), Industry: pick(industries).Draw(t, "industry"),
		Appeal:   rapid.Bool().Draw(t, "appeal"),
		Actor:    Actor{Role: Role(rapid.SampledFrom(roles).Draw(t, "role")), ID: name.Draw(t, "actor"), Level: pick(levels).Draw(t, "level"), Extra: extra("actor.extra")},
		Text:     rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r != 0 })).Draw(t, "text"),
		Consents: some(consents).Draw(t, "consents"),
		TicketID: name.Draw(t, "ticket"), Due: text.Draw(t, "due"),
		Labels: extra("labels"), Extra: extra("extra"),
	}
	e.TextBytes = len(e.Text)
	if !drop(e.Customer) {
		e.Customer = &Customer{ID: name.Draw(t, "customer"), Age: whole.Draw(t, "age"), ElderMode: flag.Draw(t, "elder"),
			Needs: some(needs).Draw(t, "needs"), Province: name.Draw(t, "province"), Visits24h: whole.Draw(t, "visits"), Extra: extra("customer.extra")}
	}
	if !drop(e.Bot) {
		e.Bot = &Bot{ID: name.Draw(t, "bot"), Extra: extra("bot.extra")}
	}
	if !drop(e.AI) {
		e.AI = &AI{Confidence: share.Draw(t, "confidence"), Grounding: share.Draw(t, "grounding"), Emotion: share.Draw(t, "emotion"),
			Sources: some([]string{"faq", "知识库"}).Draw(t, "sources"), Mark: text.Draw(t, "mark"), Judged: pick(judgements).Draw(t, "judged")}
	}
	if !drop(e.Media) {
		e.Media = &Media{Seconds: share.Draw(t, "seconds"), RhythmLabel: flag.Draw(t, "rhythm")}
	}
	if !drop(e.Entrance) {
		e.Entrance = &Entrance{Depth: whole.Draw(t, "depth"), ElderChannel: flag.Draw(t, "elder_channel"), AILabel: text.Draw(t, "ai_label")}
	}
	if !drop(e.Menu) {
		e.Menu = &Menu{Level: rapid.IntRange(0, 9).Draw(t, "menu"), Options: some([]string{"1 查询", "0 人工"}).Draw(t, "options")}
	}
	if !drop(e.Handoff) {
		e.Handoff = &Handoff{QueuePosition: whole.Draw(t, "position"), WaitS: share.Draw(t, "wait"), Passed: some([]string{"identity"}).Draw(t, "passed")}
	}
	if !drop(e.Promise) {
		e.Promise = &Due{Due: "2026-10-12T10:00:00+08:00", What: text.Draw(t, "what"), Extra: extra("promise.extra")}
	}
	if !drop(e.Decision) {
		e.Decision = &Decision{Kind: pick(decisionKinds).Draw(t, "decision"), Major: flag.Draw(t, "major")}
	}
	if !drop(e.Claim) {
		e.Claim = &Claim{Kind: pick(claimKinds).Draw(t, "claim"), AmountMinor: rapid.Ptr(rapid.Int64Min(0), true).Draw(t, "amount")}
	}
	if !drop(e.Close) {
		e.Close = &Close{By: pick(closers).Draw(t, "by"), Reason: pick(closeReasons).Draw(t, "reason"), Resolved: flag.Draw(t, "resolved")}
	}
	if !drop(e.Unlabeled) {
		e.Unlabeled = &Unlabeled{RequestID: name.Draw(t, "request")}
	}
	return e
}

func TestEncodedEventsDecodeToThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := events(t)
		b, err := Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, r := Decode([]byte(want.SessionID), b, clock)
		if r != nil {
			t.Fatalf("%v\n%s", r, b)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v\nfrom %s", got, want, b)
		}
	})
}

func TestStoredEventsAreRebuiltExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := events(t)
		// What redaction and decoding leave: another text, a length and flags of their own.
		want.Text += "⟦phone⟧"
		want.TextBytes = rapid.IntRange(0, 1<<20).Draw(t, "bytes")
		want.Flags = rapid.SampledFrom([][]string{nil, {FlagTextCut}, {FlagTextCut, FlagTextNUL}}).Draw(t, "flags")
		body := Body(want)
		got, err := FromStored(body, want.Text, want.TextBytes, want.Flags, string(want.Labels), string(want.Extra))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v\nfrom %s", got, want, body)
		}
		if again := Body(got); again != body {
			t.Fatalf("the body is not stable:\n%s\n%s", body, again)
		}
	})
}

func TestBodyLeavesOutWhatHasItsOwnColumn(t *testing.T) {
	e, r := Decode(nil, message(t, map[string]any{"labels": map[string]any{"planted": "x"}, "own": 1}), clock)
	if r != nil {
		t.Fatal(r)
	}
	if got, want := Body(e), `{"event_id":"e-1","session_id":"s-1","ts":1791770400000,"kind":"message","actor":{"role":"customer"}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEncodeRefusesWhatJSONCannotHold(t *testing.T) {
	for name, e := range map[string]*Event{
		"text":   {ID: "e", Text: "\xFF"},
		"labels": {ID: "e", Labels: jsontext.Value("{")},
	} {
		if b, err := Encode(e); err == nil {
			t.Errorf("%s: wrote %s", name, b)
		}
	}
}

func TestFromStoredRefusesABrokenBody(t *testing.T) {
	if _, err := FromStored("{", "", 0, nil, "", ""); err == nil {
		t.Error("a cut body was read")
	}
}
