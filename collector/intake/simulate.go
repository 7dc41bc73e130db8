package intake

import (
	"context"
	"fmt"
	"time"
)

// TimedSource gives messages and the moments at which they are said, which never go back.
type TimedSource interface {
	Next() (at time.Time, key string, value []byte, ok bool)
}

// Simulate publishes a source's messages at their moments by the clock: those whose moment has passed
// at once, in large batches, later ones when they are due. It returns how many are in the stream, when
// the source ends, when the context does (with its error), or with ErrAway.
func Simulate(ctx context.Context, p *Producer, source TimedSource, clock func() time.Time) (sent int, err error) {
	var l pile
	flush := func() error {
		if len(l.messages) == 0 {
			return ctx.Err()
		}
		refused, err := p.write(ctx, l.messages)
		if err != nil {
			return err
		}
		for i, e := range refused {
			if e != nil {
				return fmt.Errorf("session %s: %w", l.messages[i].Key, e)
			}
			sent++
		}
		l.reset()
		return nil
	}
	for {
		at, key, value, ok := source.Next()
		if !ok {
			err = flush()
			return sent, err
		}
		if wait := at.Sub(clock()); wait > 0 {
			if err := flush(); err != nil {
				return sent, err
			}
			if err := sleep(ctx, wait); err != nil {
				return sent, err
			}
		}
		if err := checkSize([]byte(key), value); err != nil {
			return sent, fmt.Errorf("session %s: %w", key, err)
		}
		l.add(p.topic, "", []byte(key), value)
		if l.full() {
			if err := flush(); err != nil {
				return sent, err
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
