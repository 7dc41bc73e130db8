package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// clock is the collector's clock in these tests.
var clock = time.Date(2026, time.October, 12, 2, 0, 0, 0, time.UTC)

// message builds a valid message in which some fields are replaced; a value of nil takes one away.
func message(t testing.TB, replace map[string]any) []byte {
	t.Helper()
	m := map[string]any{
		"event_id": "e-1", "session_id": "s-1", "ts": "2026-10-12T10:00:00+08:00", "kind": "message",
		"actor": map[string]any{"role": "customer"}, "text": "你好",
	}
	for k, v := range replace {
		if v == nil {
			delete(m, k)
			continue
		}
		m[k] = v
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func with(field string, value any) map[string]any { return map[string]any{field: value} }

func TestDecodeRefuses(t *testing.T) {
	type obj = map[string]any
	raw := func(s string) []byte { return []byte(s) }
	valid := string(message(t, nil))
	tests := []struct {
		name   string
		value  []byte
		key    string
		reason Reason
		detail string // part of the sentence
	}{
		{name: "nothing", value: nil, reason: EmptyMessage, detail: "no content"},
		{name: "only spaces", value: raw(" \n\t"), reason: EmptyMessage, detail: "no content"},
		{name: "cut", value: raw(valid[:len(valid)-9]), reason: NotJSON, detail: "cut off"},
		{name: "cut inside a name", value: raw(`{"event_`), reason: NotJSON, detail: "cut off: it ends after 8 bytes"},
		{name: "not JSON at all", value: raw("hello"), reason: NotJSON, detail: `starts with "h"`},
		{name: "XML", value: raw("<event/>"), reason: NotJSON, detail: `starts with "<"`},
		{name: "list", value: raw("[" + valid + "]"), reason: NotJSON, detail: "is a list"},
		{name: "null", value: raw("null"), reason: NotJSON, detail: "single value"},
		{name: "text", value: raw(`"hello"`), reason: NotJSON, detail: "single value"},
		{name: "byte order mark", value: raw("\xEF\xBB\xBF" + valid), reason: NotJSON, detail: "byte order mark"},
		{name: "UTF-16", value: raw("\xFF\xFE{\x00"), reason: NotJSON, detail: "must start with {"},
		{name: "two objects", value: raw(valid + valid), reason: NotJSON, detail: fmt.Sprintf("at byte %d", len(valid))},
		{name: "missing comma", value: raw(`{"event_id":"e" "kind":"message"}`), reason: NotJSON, detail: "at byte 16"},
		{name: "single quotes", value: raw(`{'event_id':'e'}`), reason: NotJSON, detail: "at byte 1"},
		{name: "number as a name", value: raw(`{1:2}`), reason: NotJSON, detail: "a name in double quotes"},
		{name: "NaN", value: raw(`{"ai":{"emotion":NaN}}`), reason: NotJSON, detail: "at byte 17"},
		{name: "invalid UTF-8", value: raw(strings.Replace(valid, "你好", "a\xFFb", 1)), reason: NotJSON, detail: "not valid UTF-8 at byte"},
		{name: "invalid UTF-8 in an unlisted field", value: raw("{\"x\":\"\xC3\x28\"}"), reason: NotJSON, detail: "not valid UTF-8 at byte 6"},
		{name: "half a surrogate", value: raw(`{"text":"\ud83d"}`), reason: NotJSON, detail: "surrogate"},
		{name: "raw NUL in a text", value: raw("{\"text\":\"a\x00b\"}"), reason: NotJSON, detail: "at byte 10"},
		{name: "name given twice", value: raw(`{"event_id":"a","event_id":"b"}`), reason: NotJSON, detail: "event_id is given twice"},
		{name: "name given twice, deeper", value: raw(`{"labels":{"a":{"b":1,"b":2}}}`), reason: NotJSON, detail: "labels.a.b is given twice"},
		{name: "deep unlisted field", value: raw(`{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}"), reason: NotJSON, detail: "more than 32 deep at byte 36"},
		{name: "deep known field", value: raw(`{"labels":` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 41)), reason: NotJSON, detail: "more than 32 deep"},
		{name: "endlessly deep", value: raw(strings.Repeat(`{"a":`, 200000)), reason: NotJSON, detail: "more than 32 deep"},

		{name: "no event_id", value: message(t, with("event_id", nil)), reason: NoEventID, detail: "event_id is missing"},
		{name: "null event_id", value: raw(strings.Replace(valid, `"e-1"`, "null", 1)), reason: NoEventID, detail: "missing"},
		{name: "blank event_id", value: message(t, with("event_id", " ")), reason: NoEventID, detail: "empty"},
		{name: "long event_id", value: message(t, with("event_id", strings.Repeat("号", 22))), reason: NoEventID, detail: "66 bytes; at most 64"},
		{name: "NUL in event_id", value: message(t, with("event_id", "a\x00b")), reason: NoEventID, detail: `control character: "a\x00b"`},
		{name: "event_id a number", value: message(t, with("event_id", 17)), reason: BadField, detail: "event_id must be a text, not a number"},
		{name: "no session_id", value: message(t, with("session_id", nil)), reason: NoSessionID, detail: "missing"},
		{name: "long session_id", value: message(t, with("session_id", strings.Repeat("s", 129))), reason: NoSessionID, detail: "129 bytes; at most 128"},
		{name: "newline in session_id", value: message(t, with("session_id", "a\nb")), reason: NoSessionID, detail: "control character"},
		{name: "a control character beyond ASCII in session_id", value: message(t, with("session_id", "a\u0085b")), reason: NoSessionID, detail: "control character"},
		{name: "key differs", value: message(t, nil), key: "s-2", reason: KeyDiffers, detail: `"s-2" is not the session_id "s-1"`},

		{name: "no ts", value: message(t, with("ts", nil)), reason: BadTime, detail: "ts is missing"},
		{name: "empty ts", value: message(t, with("ts", "")), reason: BadTime, detail: "missing"},
		{name: "ts without a zone", value: message(t, with("ts", "2026-10-12T10:00:00")), reason: BadTime, detail: "RFC 3339 with a zone"},
		{name: "ts in words", value: message(t, with("ts", "yesterday")), reason: BadTime, detail: `"yesterday" is no moment`},
		{name: "30 February", value: message(t, with("ts", "2026-02-30T10:00:00Z")), reason: BadTime, detail: "no moment"},
		{name: "year 9999", value: message(t, with("ts", "9999-12-31T23:59:59Z")), reason: BadTime, detail: "24 hours ahead"},
		{name: "year 1999", value: message(t, with("ts", "1999-12-31T23:59:59Z")), reason: BadTime, detail: "before 2000-01-01"},
		{name: "a day and a second ahead", value: message(t, with("ts", clock.Add(24*time.Hour+time.Second).Format(time.RFC3339))), reason: BadTime, detail: "24 hours ahead"},
		{name: "ts in seconds", value: message(t, with("ts", clock.Unix())), reason: BadTime, detail: "looks like seconds"},
		{name: "ts with a fraction", value: message(t, with("ts", 1791770400000.5)), reason: BadTime, detail: "not a whole number"},
		{name: "ts beyond numbers", value: raw(strings.Replace(valid, `"2026-10-12T10:00:00+08:00"`, "1e999", 1)), reason: BadTime, detail: "too large"},
		{name: "ts true", value: message(t, with("ts", true)), reason: BadTime, detail: "neither a text nor a number"},
		{name: "ts an object", value: message(t, with("ts", obj{"a": 1})), reason: BadTime, detail: "neither a text nor a number"},

		{name: "no kind", value: message(t, with("kind", nil)), reason: BadKind, detail: "kind is missing"},
		{name: "unknown kind", value: message(t, with("kind", "chat")), reason: BadKind, detail: `"chat" is not in the event model; it knows session.opened, message`},
		{name: "kind in capitals", value: message(t, with("kind", "Message")), reason: BadKind, detail: "not in the event model"},

		{name: "message without a speaker", value: message(t, with("actor", nil)), reason: BadField, detail: "actor.role is missing; a message needs one of customer, bot, agent, system"},
		{name: "unknown role", value: message(t, with("actor", obj{"role": "user"})), reason: BadField, detail: `actor.role is "user"; allowed are customer`},
		{name: "unknown level", value: message(t, with("actor", obj{"role": "agent", "level": "L9"})), reason: BadField, detail: "actor.level"},
		{name: "actor a text", value: message(t, with("actor", "bot")), reason: BadField, detail: "actor must be an object, not a text"},
		{name: "automated a text", value: message(t, with("actor", obj{"role": "agent", "automated": "yes"})), reason: BadField, detail: "actor.automated must be true or false, not a text"},
		{name: "text a list", value: message(t, with("text", []string{"a"})), reason: BadField, detail: "text must be a text, not a list"},
		{name: "text a number", value: message(t, with("text", 5)), reason: BadField, detail: "text must be a text, not a number"},
		{name: "labels a list", value: message(t, with("labels", []int{1})), reason: BadField, detail: "labels must be an object"},
		{name: "unknown channel", value: message(t, with("channel", "fax")), reason: BadField, detail: "channel is \"fax\"; allowed are app, web"},
		{name: "unknown industry", value: message(t, with("industry", "mining")), reason: BadField, detail: "industry"},
		{name: "endless tenant", value: message(t, with("tenant", strings.Repeat("t", 257))), reason: BadField, detail: "tenant has 257 bytes; at most 256"},
		{name: "age negative", value: message(t, with("customer", obj{"age": -1})), reason: BadField, detail: "customer.age is -1; it must be 0 or more"},
		{name: "age 200", value: message(t, with("customer", obj{"age": 200})), reason: BadField, detail: "customer.age is 200; it must be 150 or less"},
		{name: "age half", value: message(t, with("customer", obj{"age": 70.5})), reason: BadField, detail: `customer.age must be a whole number, not "70.5"`},
		{name: "age in words", value: message(t, with("customer", obj{"age": "seventy"})), reason: BadField, detail: "customer.age must be a whole number, not a text"},
		{name: "age beyond numbers", value: raw(strings.Replace(valid, `"text"`, `"customer":{"age":99999999999999999999},"text"`, 1)), reason: BadField, detail: "customer.age is a number too large"},
		{name: "unknown need", value: message(t, with("customer", obj{"needs": []string{"hearing", "taste"}})), reason: BadField, detail: `customer.needs[1] is "taste"; allowed are hearing`},
		{name: "needs a text", value: message(t, with("customer", obj{"needs": "hearing"})), reason: BadField, detail: "customer.needs must be a list, not a text"},
		{name: "number among the needs", value: message(t, with("customer", obj{"needs": []any{"hearing", 3}})), reason: BadField, detail: "customer.needs[1] must be a text, not a number"},
		{name: "emotion 101", value: message(t, with("ai", obj{"emotion": 101})), reason: BadField, detail: "ai.emotion is 101; it must be between 0 and 100"},
		{name: "emotion 1e999", value: raw(strings.Replace(valid, `"text"`, `"ai":{"emotion":1e999},"text"`, 1)), reason: BadField, detail: "ai.emotion is a number too large"},
		{name: "grounding negative", value: message(t, with("ai", obj{"grounding": -0.1})), reason: BadField, detail: "ai.grounding"},
		{name: "confidence in percent", value: message(t, with("ai", obj{"confidence": 95})), reason: BadField, detail: "ai.confidence is 95; it must be between 0 and 1"},
		{name: "unknown judgement", value: message(t, with("ai", obj{"judged": "bad"})), reason: BadField, detail: "ai.judged"},
		{name: "position zero", value: message(t, with("entrance", obj{"human_option_position": 0})), reason: BadField, detail: "entrance.human_option_position is 0; it must be 1 or more"},
		{name: "menu level negative", value: message(t, with("menu", obj{"level": -2})), reason: BadField, detail: "menu.level"},
		{name: "waiting backwards", value: message(t, with("handoff", obj{"wait_s": -5})), reason: BadField, detail: "handoff.wait_s is -5; it must not be negative"},
		{name: "due in words", value: message(t, with("promise", obj{"due": "tomorrow"})), reason: BadField, detail: `promise.due is "tomorrow"; it must be a moment`},
		{name: "unknown decision", value: message(t, with("decision", obj{"kind": "no"})), reason: BadField, detail: "decision.kind"},
		{name: "unknown claim", value: message(t, with("claim", obj{"kind": "money"})), reason: BadField, detail: "claim.kind"},
		{name: "amount with a fraction", value: message(t, with("claim", obj{"amount_minor": 9.99})), reason: BadField, detail: "claim.amount_minor must be a whole number"},
		{name: "amount negative", value: message(t, with("claim", obj{"amount_minor": -1})), reason: BadField, detail: "claim.amount_minor"},
		{name: "currency in words", value: message(t, with("claim", obj{"currency": "yuan"})), reason: BadField, detail: "ISO 4217"},
		{name: "closed by nobody known", value: message(t, with("close", obj{"by": "cat"})), reason: BadField, detail: "close.by"},
		{name: "closed for no known reason", value: message(t, with("close", obj{"reason": "bored"})), reason: BadField, detail: "close.reason"},
		{name: "unknown consent", value: message(t, with("consents", []string{"all"})), reason: BadField, detail: "consents[0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, r := Decode([]byte(tt.key), tt.value, clock)
			if r == nil {
				t.Fatalf("accepted as %+v", e)
			}
			if e != nil {
				t.Error("gave an event beside the reject")
			}
			if r.Reason != tt.reason || !strings.Contains(r.Detail, tt.detail) {
				t.Errorf("got %q: %s\nwant %q: …%s…", r.Reason, r.Detail, tt.reason, tt.detail)
			}
			for _, foreign := range []string{"event.", "Go ", "jsontext", "json:", "struct", "int64", "float64", "[]string"} {
				if strings.Contains(strings.ReplaceAll(r.Detail, "event model", ""), foreign) {
					t.Errorf("the sentence speaks of the program (%q): %s", foreign, r.Detail)
				}
			}
			if !utf8.ValidString(r.Detail) || len(r.Detail) > 700 {
				t.Errorf("not a sentence for a page: %q", r.Detail)
			}
		})
	}
}

func TestDecodeTakesMomentsInEveryForm(t *testing.T) {
	want := time.Date(2026, time.October, 12, 2, 0, 0, 123e6, time.UTC).UnixMilli()
	for _, ts := range []any{
		"2026-10-12T10:00:00.123+08:00", "2026-10-12T02:00:00.123Z", "2026-10-12T02:00:00.123999Z",
		want, fmt.Sprint(want), json.RawMessage(fmt.Sprintf("%d.0", want)),
	} {
		e, r := Decode(nil, message(t, with("ts", ts)), clock)
		if r != nil {
			t.Errorf("%v: %v", ts, r)
		} else if e.At != want {
			t.Errorf("%v: got %d, want %d", ts, e.At, want)
		}
	}
	for _, edge := range []time.Time{Earliest, clock.Add(MaxAhead)} {
		if _, r := Decode(nil, message(t, with("ts", edge.Format(time.RFC3339))), clock); r != nil {
			t.Errorf("%v: %v", edge, r)
		}
	}
}

func TestDecodeKeepsWhatItDoesNotKnow(t *testing.T) {
	value := `{"zeta":[1, 2], "event_id":"e-1","session_id":"s-1","ts":1791770400000,"kind":"message",
		"actor":{"role":"bot","mood":"calm"},"customer":{"id":"c","vip":{"since":2019}},
		"order_no":900719925474099312345,"alpha":null,"labels":{"b":1,"a":"一"}}`
	e, r := Decode([]byte("s-1"), []byte(value), clock)
	if r != nil {
		t.Fatal(r)
	}
	for what, got := range map[string][2]string{
		"extra":          {string(e.Extra), `{"alpha":null,"order_no":900719925474099312345,"zeta":[1,2]}`},
		"actor.extra":    {string(e.Actor.Extra), `{"mood":"calm"}`},
		"customer.extra": {string(e.Customer.Extra), `{"vip":{"since":2019}}`},
		"labels":         {string(e.Labels), `{"a":"一","b":1}`},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: got %s, want %s", what, got[0], got[1])
		}
	}
}

func TestDecodeSettlesTexts(t *testing.T) {
	long := strings.Repeat("长", 300_000) // 900 KB
	tests := []struct {
		name, text string
		want       string
		flags      string
	}{
		{"plain", "你好", "你好", ""},
		{"surrogates", "转🤲人工", "转🤲人工", ""},
		{"NUL", "a\x00b\x00", "ab", "text_nul"},
		{"only NUL", "\x00", "", "text_nul"},
		{"just fits", strings.Repeat("a", MaxText), strings.Repeat("a", MaxText), ""},
		{"one too many", strings.Repeat("a", MaxText+1), strings.Repeat("a", MaxText), "text_cut"},
		{"cut between runes", long, long[:MaxText/3*3], "text_cut"},
		{"long and NUL", "\x00" + long, long[:MaxText/3*3], "text_cut text_nul"},
		{"too long by NUL alone", strings.Repeat("a", MaxText) + "\x00", strings.Repeat("a", MaxText), "text_nul"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, r := Decode(nil, message(t, with("text", tt.text)), clock)
			if r != nil {
				t.Fatal(r)
			}
			if e.Text != tt.want {
				t.Errorf("text of %d bytes, want %d", len(e.Text), len(tt.want))
			}
			if got := strings.Join(e.Flags, " "); got != tt.flags {
				t.Errorf("flags %q, want %q", got, tt.flags)
			}
			if e.TextBytes != len(tt.text) {
				t.Errorf("TextBytes %d, want %d", e.TextBytes, len(tt.text))
			}
		})
	}
}

func TestDecodeAcceptsEveryKindAndValueOfTheModel(t *testing.T) {
	for _, k := range kindNames {
		if _, r := Decode([]byte("s-1"), message(t, with("kind", k)), clock); r != nil {
			t.Errorf("kind %s: %v", k, r)
		}
	}
	type obj = map[string]any
	try := func(field string, wrap func(v string) any, values []string) {
		for _, v := range values {
			if _, r := Decode(nil, message(t, with(field, wrap(v))), clock); r != nil {
				t.Errorf("%s %s: %v", field, v, r)
			}
		}
	}
	in := func(name string) func(string) any { return func(v string) any { return obj{name: v} } }
	plain := func(v string) any { return v }
	list := func(v string) any { return []string{v} }
	try("channel", plain, channels)
	try("industry", plain, industries)
	try("actor", in("role"), roles)
	try("actor", func(v string) any { return obj{"role": "agent", "level": v} }, levels)
	try("customer", func(v string) any { return obj{"needs": list(v)} }, needs)
	try("ai", in("judged"), judgements)
	try("decision", in("kind"), decisionKinds)
	try("claim", in("kind"), claimKinds)
	try("close", in("by"), closers)
	try("close", in("reason"), closeReasons)
	try("consents", list, consents)
}

func BenchmarkDecode(b *testing.B) {
	value := []byte(`{"event_id":"shop-2026-000417-3","session_id":"shop-2026-000417","ts":"2026-01-05T09:00:31.000Z","kind":"message",` +
		`"actor":{"role":"bot","id":"assistant"},"ai":{"confidence":0.93,"grounding":0.8},"text":"您好，您的订单已经发出，预计明天送达，请您注意查收。还有什么可以帮您？"}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		if _, r := Decode([]byte("shop-2026-000417"), value, clock); r != nil {
			b.Fatal(r)
		}
	}
}
