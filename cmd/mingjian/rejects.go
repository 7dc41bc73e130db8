package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"mingjian/collector"
	"mingjian/collector/intake"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
)

type rejectsCommand struct {
	where
	workflowPlace
	Reason string `help:"Only messages that were refused for this reason: json, field, event_id, session_id, ts, kind, key, tenant, empty." placeholder:"REASON" env:"-" enum:",json,field,event_id,session_id,ts,kind,key,tenant,empty" default:""`
	Since  string `help:"Only messages refused since then: how long ago (168h), a day (2026-11-01, from 00:00 UTC) or a moment (RFC 3339)." placeholder:"WHEN" env:"-"`
	DryRun bool   `help:"Send nothing, and say what would be sent." env:"-"`
	JSON   bool   `help:"Print JSON." env:"-"`
}

func (*rejectsCommand) Help() string {
	return "Reads refused messages of the record again, as this program reads them, and sends those that are events now into the stream. To be used after what refused them was mended: the program, or a clock. Doing it again adds nothing. Of a message longer than 64 KiB only its beginning is kept, so the source has to send it again.\n\n" +
		workflowHelp + "\n\nExample:\n  mingjian replay-rejects --reason ts --dry-run"
}

// Run tries the refused messages again and says what became of them.
func (c *rejectsCommand) Run(ctx context.Context, log *slog.Logger) error {
	since, err := when("--since", c.Since, time.Now())
	if err != nil {
		return err
	}
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	record, err := c.open(ctx, embedded.ReaderUser)
	if err != nil {
		return err
	}
	defer record.Close()
	dir, err := c.directory(&c.where)
	if err != nil {
		return err
	}
	db, err := openWorkflow(ctx, dir, log)
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := keysTo(ctx, record.Belongs, dir, db)
	if err != nil {
		return err
	}
	producer := intake.NewProducer(cluster, collector.InteractionsTopic)
	defer producer.Close()
	result, err := intake.ReplayRejects(ctx, producer, record, intake.RejectsOptions{
		Query:  warehouse.RefusedQuery{Topic: collector.InteractionsTopic, Reason: c.Reason, Since: since},
		DryRun: c.DryRun, Open: keys.Refused,
	})
	for _, line := range result.Named {
		fmt.Fprintln(os.Stderr, "not sent:", line)
	}
	if c.JSON {
		if e := printJSON(result); e != nil && err == nil {
			err = e
		}
		return err
	}
	printReplayed(os.Stdout, result, c.DryRun)
	return err
}

func printReplayed(out io.Writer, r intake.Replayed, dry bool) {
	sent := "sent"
	if dry {
		sent = "would be sent"
	}
	fmt.Fprintf(out, "%d refused messages: %d %s, %d stand in the record already, %d were kept in part only, %d cannot be opened\n",
		r.Rejects, r.Sent, sent, r.Stored, r.Cut, r.Unopened)
	for _, reason := range slices.Sorted(maps.Keys(r.Still)) {
		fmt.Fprintf(out, "  %d are still refused for %s\n", r.Still[reason], reason)
	}
}
