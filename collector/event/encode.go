package event

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Encode writes an event as one message of the stream: fields in the model's order, absent ones left
// out, ts in epoch milliseconds. Decode gives the same event back, except that TextBytes and Flags
// speak of the text that is there. Classified is the collector's own and not written. It fails on values that JSON cannot hold (a text that is not
// UTF-8, a number that is not finite, Labels or Extra that are not JSON objects).
func Encode(e *Event) ([]byte, error) {
	sent := *e
	sent.Classified = nil
	b, err := json.Marshal(&sent)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", quote(e.ID), err)
	}
	return b, nil
}

// FromStored rebuilds the event of a row: body as Body gave it, and the columns beside it ("" for
// labels or extra that there are none of). The text is taken as it stands, masks included.
func FromStored(body, text string, textBytes int, flags []string, labels, extra string) (*Event, error) {
	e := new(Event)
	if err := json.Unmarshal([]byte(body), e); err != nil {
		return nil, fmt.Errorf("read stored event: %w", err)
	}
	e.Text, e.TextBytes = text, textBytes
	if len(flags) > 0 {
		e.Flags = slices.Clone(flags)
	}
	if labels != "" {
		e.Labels = jsontext.Value(labels)
	}
	if extra != "" {
		e.Extra = jsontext.Value(extra)
	}
	return e, nil
}
