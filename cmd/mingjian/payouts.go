package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"mingjian/audit/cases"
	"mingjian/audit/fund"
	"mingjian/audit/store"
	"mingjian/collector"
	"mingjian/collector/stream"
)

// The webhook that orders are sent to, beside the topic. The secret comes by the environment only: a
// flag would show in the list of processes.
const (
	webhookURL    = "MINGJIAN_PAYOUT_WEBHOOK_URL"
	webhookSecret = "MINGJIAN_PAYOUT_WEBHOOK_SECRET"
)

// payoutGroup is the consumer group of the topic of results; audit services share the work in it.
const payoutGroup = "mingjian-payouts"

// pay runs, in the group until ctx ends, what goes between the fund and those who pay: the results that
// come by topic, and the webhook where one is configured. Orders leave through the outbox.
func (a auditService) pay(ctx context.Context, group *errgroup.Group, money *fund.Fund, confirm confirmer) error {
	measured := money.Metrics()
	if err := prometheus.Register(measured); err != nil {
		return fmt.Errorf("measure the fund: %w", err)
	}
	group.Go(func() error { // the store is gone then, and another service of this process may be measured
		<-ctx.Done()
		prometheus.Unregister(measured)
		return nil
	})
	if address := os.Getenv(webhookURL); address != "" {
		hook, err := fund.NewWebhook(money, fund.WebhookOptions{URL: address, Secret: os.Getenv(webhookSecret), Log: a.log})
		if err != nil {
			return fmt.Errorf("%s and %s: %w", webhookURL, webhookSecret, err)
		}
		group.Go(func() error { return hook.Run(ctx) })
	}
	r := results{stream: a.stream, confirm: confirm, db: a.db, log: a.log}
	group.Go(func() error { return r.run(ctx) })
	return nil
}

// confirmer is told what became of payouts.
type confirmer interface {
	Confirm(ctx context.Context, said cases.Confirmation) (cases.Case, error)
}

// results reads what receivers say of payouts, and tells the cases. A message counts as read once it has
// been handled: what comes twice is known by its payout id.
type results struct {
	stream  stream.Cluster
	confirm confirmer
	db      *store.DB
	log     *slog.Logger
}

// The patience of results.
const (
	// resultsPause is the first pause before something is tried again, doubled up to resultsLongest.
	resultsPause, resultsLongest = 250 * time.Millisecond, 30 * time.Second
	// resultsWait is how long the broker holds a request while nothing comes; a message ends it at once.
	resultsWait = time.Second
	// resultsDial bounds a connection, and so how long an end can take where the broker does not answer.
	resultsDial = 3 * time.Second
	// shownBytes of a message that cannot be read are kept in the journal.
	shownBytes = 500
)

// run reads until ctx ends, and then returns nil. Where the topic does not exist it waits for it.
func (r results) run(ctx context.Context) error {
	// The library asks for a missing topic as fast as the broker answers.
	if err := r.try(ctx, "wait for the topics of payouts", func() error {
		return collector.TopicsExist(ctx, r.stream, fund.OrderTopic, fund.ResultTopic)
	}); err != nil {
		return nil
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: r.stream.Brokers, GroupID: payoutGroup, Topic: fund.ResultTopic, StartOffset: kafka.FirstOffset,
		Dialer: r.stream.Dialer("mingjian", resultsDial), MaxWait: resultsWait,
		ErrorLogger: kafka.LoggerFunc(func(msg string, args ...any) { r.log.Debug("payout results: " + fmt.Sprintf(msg, args...)) }),
	})
	defer reader.Close()
	for {
		var m kafka.Message
		if err := r.try(ctx, "read payout results", func() (err error) { m, err = reader.FetchMessage(ctx); return err }); err != nil {
			return nil
		}
		if err := r.try(ctx, "book a payout result", func() error { return r.handle(ctx, m) }); err != nil {
			return nil
		}
		// Where this fails the message comes again, and is known.
		if err := reader.CommitMessages(ctx, m); err != nil && ctx.Err() == nil {
			r.log.Warn("a payout result was booked and may come again", "partition", m.Partition, "offset", m.Offset, "error", err)
		}
	}
}

// try repeats do until it succeeds; the error is that of ctx.
func (r results) try(ctx context.Context, what string, do func() error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = resultsPause, resultsLongest
	level := slog.LevelWarn // once; after that it is known
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, do() }, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, next time.Duration) {
			if ctx.Err() == nil {
				r.log.Log(ctx, level, "trying again until it works", "what", what, "in", next, "error", err)
				level = slog.LevelDebug
			}
		}))
	if err == nil && level == slog.LevelDebug {
		r.log.Info("it works again", "what", what)
	}
	return err
}

// handle tells the cases of one result. What is refused, and what is no result at all, is journalled and
// done with; an error is for what may work later.
func (r results) handle(ctx context.Context, m kafka.Message) error {
	said, err := fund.ReadResult(m.Value)
	if err != nil {
		return r.refuse(ctx, m, fmt.Sprintf("topic:%s/%d/%d", m.Topic, m.Partition, m.Offset), err)
	}
	_, err = r.confirm.Confirm(ctx, cases.Confirmation(said))
	var conflict *cases.Conflict
	switch {
	case err == nil:
		return nil
	case errors.As(err, &conflict) && conflict.Repeat:
		r.log.Info("a payout result came again", "payout", said.PayoutID, "partition", m.Partition, "offset", m.Offset)
		return nil
	case isNo(err):
		return r.refuse(ctx, m, "payout:"+said.PayoutID, err)
	default:
		return err
	}
}

// isNo tells a no, which stays one, from a fault that passes.
func isNo(err error) bool {
	var conflict *cases.Conflict
	var forbidden *cases.Forbidden
	var fault *cases.Fault
	var refusal *fund.Refusal
	return errors.As(err, &conflict) || errors.As(err, &forbidden) || errors.As(err, &fault) || errors.As(err, &refusal) || errors.Is(err, cases.ErrNotFound)
}

// refuse journals a message that changed nothing, with where it stands in the stream and how it begins.
func (r results) refuse(ctx context.Context, m kafka.Message, subject string, why error) error {
	value := strings.ToValidUTF8(string(m.Value[:min(len(m.Value), shownBytes)]), string(utf8.RuneError))
	detail, err := json.Marshal(map[string]any{"topic": m.Topic, "partition": m.Partition, "offset": m.Offset, "bytes": len(m.Value), "value": value})
	if err != nil {
		return err
	}
	r.log.Warn("a payout result was refused", "subject", subject, "partition", m.Partition, "offset", m.Offset, "why", why)
	return r.db.Write(ctx, func(tx *store.Tx) error {
		return tx.Record(ctx, store.Entry{Actor: "receiver", Action: "payout.result_refused", Subject: subject, Reason: why.Error(), Detail: detail})
	})
}

// books adds the fund's entries up again, where there is a workflow store.
func (c *doctorCommand) books(ctx context.Context) []collector.Check {
	dir, err := c.directory(&c.where)
	if err != nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, "audit.sqlite")); err != nil && os.Getenv("MINGJIAN_POSTGRES") == "" {
		return nil
	}
	check := func() (string, error) {
		db, err := openWorkflow(ctx, dir, nil)
		if err != nil {
			return "", err
		}
		defer db.Close()
		money, err := fund.New(ctx, db, fund.Options{})
		if err != nil {
			return "", err
		}
		found, err := money.Verify(ctx)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return "", fmt.Errorf("%d differences, the first at %s: %s", len(found), found[0].Where, found[0].What)
		}
		return "every balance is the sum of its entries, and every payout is booked as it stands", nil
	}
	fine, err := check()
	if err != nil {
		return []collector.Check{{Name: "fund", Detail: err.Error()}}
	}
	return []collector.Check{{Name: "fund", OK: true, Detail: fine}}
}
