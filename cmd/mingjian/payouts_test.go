package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/fund"
	"mingjian/audit/store"
	"mingjian/collector/intake"
	"mingjian/collector/stream"
	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
	"mingjian/policies"
)

// teller is told of results: it settles them as cases do, and fails where a test says so.
type teller struct {
	fund *fund.Fund
	db   *store.DB
	mu   sync.Mutex
	down int // so many calls fail for a reason that passes
	told []string
}

func (c *teller) Confirm(ctx context.Context, said cases.Confirmation) (cases.Case, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down > 0 {
		c.down--
		return cases.Case{}, errors.New("the store is away")
	}
	var done bool
	err := c.db.Write(ctx, func(tx *store.Tx) (err error) {
		done, err = c.fund.Settle(ctx, tx, fund.Confirmation(said))
		return err
	})
	if err == nil && !done {
		err = &cases.Conflict{Text: "booked before", Repeat: true}
	}
	c.told = append(c.told, fmt.Sprintf("%s %v", said.PayoutID, err == nil))
	return cases.Case{}, err
}

func (c *teller) heard() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.told, ", ")
}

func TestPayoutResultsAreBookedOnceInWhateverShapeTheyCome(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	quiet := slog.New(slog.DiscardHandler)
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "audit.sqlite"), store.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	money, err := fund.New(ctx, db, fund.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	yuan := policies.Money{Minor: 5_00, Currency: "CNY"}
	if _, _, err := money.TopUp(ctx, fund.Change{Key: "k", Tenant: "acme", Money: policies.Money{Minor: 100_00, Currency: "CNY"}, Reason: "预算"}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "2"} {
		if err := db.Write(ctx, func(tx *store.Tx) error {
			if err := money.Reserve(ctx, tx, fund.Holding{CaseID: "case-" + id, Tenant: "acme", Money: yuan}); err != nil {
				return err
			}
			return money.Pay(ctx, tx, fund.Payout{ID: "p-" + id, CaseID: "case-" + id, Tenant: "acme", Form: "cash", Money: yuan, Basis: "x"})
		}); err != nil {
			t.Fatal(err)
		}
	}
	cluster := stream.At(kafkatest.Start(t, kafka.Topic{Name: fund.OrderTopic, Partitions: 1}, kafka.Topic{Name: fund.ResultTopic, Partitions: 1}))
	producer := intake.NewProducer(cluster, fund.ResultTopic)
	defer producer.Close()
	say := func(values ...string) {
		t.Helper()
		for _, v := range values {
			if err := producer.Send(ctx, fund.ResultTopic, []byte("k"), []byte(v)); err != nil {
				t.Fatal(err)
			}
		}
	}
	paid := func(id string, minor int) string {
		return fmt.Sprintf(`{"payout_id":"p-%s","case_id":"case-%s","paid":true,"amount_minor":%d,"currency":"CNY","reference":"b-1"}`, id, id, minor)
	}
	confirm := &teller{fund: money, db: db, down: 2}
	begin := func() (stop func()) {
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- results{cluster, confirm, db, quiet}.run(ctx) }()
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	wait := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !strings.HasSuffix(confirm.heard(), want); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("heard %s", confirm.heard())
			}
		}
	}
	say("\xff not \x00 JSON", paid("1", 5_01), paid("nobody", 5_00), paid("1", 5_00), paid("1", 5_00))
	stop := begin()
	wait("p-1 false, p-nobody false, p-1 true, p-1 false")
	// The last one is committed too before the end, or comes again after it.
	stop()
	say(strings.Replace(paid("2", 5_00), "true", "false", 1))
	stop = begin()
	wait("p-2 true")
	stop()
	if got := strings.Count(confirm.heard(), "p-nobody"); got != 1 {
		t.Errorf("what was handled came again: %s", confirm.heard())
	}
	b, err := money.Balances(ctx, "acme")
	if err != nil || b[0].Paid != 5_00 || b[0].Reserved != 5_00 || b[0].Paying != 0 {
		t.Errorf("the books stand at %+v, %v", b, err)
	}
	for subject, want := range map[string]string{
		"topic:" + fund.ResultTopic + "/0/0": "a payout result is a JSON object", "payout:p-nobody": "no payout", "payout:p-1": "was ordered with CNY 5.00, and the result says CNY 5.01",
	} {
		if err := db.Read(ctx, func(tx *store.Tx) error {
			entries, err := tx.Journal(ctx, subject)
			for _, e := range entries {
				if e.Action == "payout.result_refused" && strings.Contains(e.Reason, want) {
					return nil
				}
			}
			return errors.Join(err, fmt.Errorf("the journal has of %s: %+v", subject, entries))
		}); err != nil {
			t.Error(err)
		}
	}
}
