package collector

import (
	"context"
	"time"

	"mingjian/collector/event"
)

// classifying bounds what a batch waits for an outside classifier, all its events together. It is
// below DefaultGrace, so that a batch can be finished even when the classifier hangs.
const classifying = 5 * time.Second

// Classifier says what a masked text means; package classify has one. Many goroutines may ask.
type Classifier interface {
	// Classify gives the answer, marked where there is none, or nil for a text that it is not for.
	// Once ctx is done it returns without waiting.
	Classify(ctx context.Context, role event.Role, text string) *event.Classified
}

// classify asks the outside classifier about the batch's events, where there is one. An event that
// its session has already, because a crash came in between, keeps the answer that was stored with it.
func (b *batch) classify(ctx context.Context) error {
	if b.w.Classifier == nil {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, classifying)
	defer cancel()
	before := map[string]map[int64]*event.Classified{} // by session and offset
	for i := range b.items {
		it := &b.items[i]
		e := it.event
		if e == nil {
			continue
		}
		if c := b.w.memory.find(e.SessionID); c != nil {
			if first, seen := c.state.Seen.First(e.ID); seen {
				if first != it.offset {
					continue // a repeat adds nothing
				}
				answers, ok := before[e.SessionID]
				if !ok {
					stored, err := b.events(ctx, c)
					if err != nil {
						return err
					}
					answers = make(map[int64]*event.Classified, len(stored))
					for _, p := range stored {
						answers[p.Offset] = p.Event.Classified
					}
					before[e.SessionID] = answers
				}
				if answer, ok := answers[it.offset]; ok {
					e.Classified = answer
					continue
				}
			}
		}
		e.Classified = b.w.Classifier.Classify(within, e.Actor.Role, e.Text)
	}
	return nil
}
