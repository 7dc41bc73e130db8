package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"mingjian/collector/signal"
	"mingjian/policies"
)

// NaiveOptions are a copy with the naive check.
type NaiveOptions struct {
	CopyOptions
	Rules string        // directory over the policies that ship
	Skip  int           // messages of each partition that are folded and not counted; at least 1
	For   time.Duration // how long it goes on after that
}

// NaiveResult is how far it came.
type NaiveResult struct {
	Interactions int64   `json:"interactions"`
	Seconds      float64 `json:"seconds"`
}

// Naive is Copy with all that there is to know put to the rules for every event: the facts, which the
// collector's own fold gives, as JSON, to one prepared query of all packs. It has no masks, no seals
// and no snapshots.
func Naive(ctx context.Context, o NaiveOptions) (r NaiveResult, err error) {
	source := policies.Source{Dir: o.Rules}
	bundle, err := source.Load()
	if err != nil {
		return r, err
	}
	plain, err := policies.NewPlain(ctx, bundle, false)
	if err != nil {
		return r, err
	}
	detector, err := signal.New(bundle.Lexicons)
	if err != nil {
		return r, err
	}
	conn, err := connect(o.ClickHouse, o.Password)
	if err != nil {
		return r, err
	}
	defer conn.Close()

	var warm sync.WaitGroup
	warm.Add(o.Partitions)
	var began time.Time
	begin := sync.OnceFunc(func() { began = time.Now() })
	var checked atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for partition := range o.Partitions {
		group.Go(func() error {
			arrived := sync.OnceFunc(warm.Done)
			defer arrived() // the others do not wait for one that failed
			f := newFolding(detector)
			reader := readFrom(o.Broker, o.Topic, partition)
			defer reader.Close()
			var c columns
			now := time.Now()
			for n := 0; n < o.Skip || time.Since(began) < o.For; n++ {
				m, err := reader.ReadMessage(ctx)
				if err != nil {
					return fmt.Errorf("read %s: %w", o.Topic, err)
				}
				_, q, err := f.take(message{m.Key, m.Value}, now)
				if err != nil {
					return err
				}
				if n >= o.Skip {
					if err := c.add(&m); err != nil {
						return err
					}
					if _, err := plain.Check(ctx, &q.in); err != nil {
						return err
					}
					checked.Add(1)
				}
				if n+1 == o.Skip {
					arrived()
					warm.Wait()
					begin()
				}
				if m.Offset+1 == m.HighWaterMark {
					break // that was all
				}
			}
			return c.insert(ctx, conn, o.Table)
		})
	}
	err = group.Wait()
	return NaiveResult{Interactions: checked.Load(), Seconds: time.Since(began).Seconds()}, err
}

// naiveWhole measures the naive way as a process of its own, over the messages of the copy.
func (b *bench) naiveWhole(ctx context.Context) error {
	b.say("measuring the naive whole")
	read, write := io.Pipe()
	c, err := b.reader(ctx, write, copied, naiveTable, "--naive-for", b.Naive.String(),
		"--skip", strconv.Itoa(b.warmUp()/b.Partitions))
	if err != nil {
		return err
	}
	var r NaiveResult
	err = json.NewDecoder(read).Decode(&r)
	if e := c.wait(ctx); e != nil || err != nil {
		return fmt.Errorf("naive whole: %w", errors.Join(e, err))
	}
	b.result.NaiveRate = round(float64(r.Interactions)/r.Seconds, 1)
	b.result.OfNaive = round(b.result.Rate/b.result.NaiveRate, 1)
	b.say("naive whole: %.0f/s", b.result.NaiveRate)
	return nil
}
