package intake

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"time"

	"mingjian/collector/event"
)

// Receipt is what became of a request's events.
type Receipt struct {
	Accepted int // in the stream, durably
	Refused  []Refusal
}

// Refusal is one event that was not taken.
type Refusal struct {
	Index   int    // place in the request, from 0
	EventID string // as far as one can be read
	Reason  string // one of event.Reason, or NotAllowed, for counting
	Detail  string // a sentence for a person
	TooBig  bool   // larger than the broker takes
}

// NotAllowed is the reason of events that whoever sends them may not write. It is of this door alone: what
// is in the stream has no sender.
const NotAllowed event.Reason = "not_allowed"

// Accept reads a request's body (an object, a list, or one event per line) and puts each event into
// the stream; it returns when all are there to stay. Items that are no events stand in the receipt
// with their reason, and the others go on. It fails as a whole, with nothing sent, with
// ErrUnreadable or with the body's own error (such as *http.MaxBytesError: bounding the body, which is
// held in memory, is the caller's part); and with ErrAway, after which some may have been sent.
//
// allowed is asked about every event with the tenant and the business line that it names ("" for none),
// and says why whoever sends may not write there, or "". A nil one allows all.
func (p *Producer) Accept(ctx context.Context, body io.Reader, contentType string, allowed func(tenant, line string) string) (Receipt, error) {
	var receipt Receipt
	var l pile
	var indexes []int
	now := time.Now()
	n := -1
	take := func(it item) error {
		n++
		refuse := func(reason event.Reason, detail string) {
			receipt.Refused = append(receipt.Refused, Refusal{Index: n, EventID: textOf(it.value, "event_id"), Reason: string(reason), Detail: detail, TooBig: reason == event.TooLarge})
		}
		if it.value == nil {
			refuse(event.TooLarge, (&TooLargeError{Bytes: it.bytes}).Error())
			return nil
		}
		e, bad := event.Decode(nil, it.value, now)
		if bad != nil {
			refuse(bad.Reason, bad.Detail)
			return nil
		}
		if allowed != nil {
			if why := allowed(e.Tenant, e.BusinessLine); why != "" {
				refuse(NotAllowed, why)
				return nil
			}
		}
		key := []byte(e.SessionID)
		if err := checkSize(key, it.value); err != nil {
			refuse(event.TooLarge, err.Error())
			return nil
		}
		l.add(p.topic, "", key, it.value)
		indexes = append(indexes, n)
		return nil
	}
	if err := splitBody(body, contentType, take); err != nil {
		var bad *errMalformed
		if errors.As(err, &bad) {
			return Receipt{}, fmt.Errorf("%w: %s", ErrUnreadable, bad)
		}
		return Receipt{}, fmt.Errorf("read the body: %w", err)
	}
	if n < 0 {
		return Receipt{}, fmt.Errorf("%w: there is none in it", ErrUnreadable)
	}
	if len(l.messages) == 0 {
		return receipt, nil
	}
	refused, err := p.write(ctx, l.messages)
	if err != nil {
		return Receipt{}, err
	}
	for i, e := range refused {
		if e == nil {
			receipt.Accepted++
			continue
		}
		receipt.Refused = append(receipt.Refused, Refusal{Index: indexes[i], EventID: textOf(l.messages[i].Value, "event_id"), Reason: string(event.TooLarge), Detail: e.Error(), TooBig: true})
	}
	return receipt, nil
}

// splitBody takes one value per line where the sender says so, and looks at the body otherwise.
func splitBody(body io.Reader, contentType string, take func(item) error) error {
	if kind, _, err := mime.ParseMediaType(contentType); err == nil && kind == "application/x-ndjson" {
		return splitLines(bufio.NewReaderSize(body, peek), take)
	}
	return split(body, take)
}
