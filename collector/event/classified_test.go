package event

import (
	"reflect"
	"strings"
	"testing"
)

// Whoever sends events cannot say what a classifier found in them.
func TestAProducersClassifiedIsAFieldLikeAnyOther(t *testing.T) {
	said := map[string]any{"by": "me", "signals": []string{"apology"}}
	for name, test := range map[string]struct {
		replace map[string]any
		extra   string
	}{
		"alone":           {with("classified", said), `{"classified":{"by":"me","signals":["apology"]}}`},
		"beside others":   {map[string]any{"classified": said, "x": 1}, `{"classified":{"by":"me","signals":["apology"]},"x":1}`},
		"of another type": {with("classified", 7), `{"classified":7}`},
		"null":            {map[string]any{"classified": jsonNull{}, "x": 1}, `{"x":1}`},
	} {
		e, r := Decode(nil, message(t, test.replace), clock)
		if r != nil {
			t.Fatalf("%s: %v", name, r)
		}
		if e.Classified != nil || string(e.Extra) != test.extra {
			t.Errorf("%s: %+v, extra %s, want %s", name, e.Classified, e.Extra, test.extra)
		}
		e.Classified = &Classified{By: "m", Failed: "timeout"}
		if got, err := FromStored(Body(e), e.Text, e.TextBytes, nil, "", string(e.Extra)); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s: stored as %+v; %v", name, got, err)
		}
		// A message of the stream does not carry the collector's answer.
		if b, err := Encode(e); err != nil || strings.Contains(string(b), "timeout") {
			t.Errorf("%s: sent as %s; %v", name, b, err)
		}
	}
}

// jsonNull is written as null.
type jsonNull struct{}

func (jsonNull) MarshalJSON() ([]byte, error) { return []byte("null"), nil }
