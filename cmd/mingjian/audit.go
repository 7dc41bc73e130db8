package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"mingjian/audit/evidence"
	"mingjian/audit/review"
	"mingjian/audit/sampling"
	"mingjian/deploy/embedded"
	"mingjian/policies"
)

type auditCommand struct {
	Sampling  auditSamplingCommand `cmd:"" help:"Check the samples that people reviewed."`
	Erase     eraseCommand         `cmd:"" help:"Erase a customer from the record, provably."`
	Evidence  auditEvidenceCommand `cmd:"" help:"Check the evidence."`
	Retention retentionCommand     `cmd:"" help:"Say what is past its term."`
}

type auditSamplingCommand struct {
	Verify samplingVerifyCommand `cmd:"" help:"Draw a day's samples again and say whether they are those that were reviewed."`
}

type samplingVerifyCommand struct {
	where
	workflowPlace
	Day    string `help:"Day of the tenant's zone, as 2026-10-12." required:"" placeholder:"DAY" env:"-"`
	Tenant string `help:"Only this tenant; without it, all." env:"-"`
	JSON   bool   `help:"Print JSON." env:"-"`
}

func (*samplingVerifyCommand) Help() string {
	return "Needs nothing but what is stored: the record in ClickHouse, the workflow store, and the evidence log in the folder '" + evidenceDir + "' of its directory. Fails where anything is not as it must be, and names it.\n\nExample:\n  mingjian audit sampling verify --day 2026-10-12"
}

// Run verifies one day.
func (c *samplingVerifyCommand) Run(ctx context.Context, log *slog.Logger) error {
	dir, err := c.directory(&c.where)
	if err != nil {
		return err
	}
	record, err := c.open(ctx, embedded.ReaderUser)
	if err != nil {
		return err
	}
	defer record.Close()
	entries, err := evidence.OpenLog(filepath.Join(dir, evidenceDir))
	if err != nil {
		return fmt.Errorf("%w: the audit service makes it when it first runs; name its directory with --store", err)
	}
	db, err := openWorkflow(ctx, dir, log)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(ctx, sampling.Noun); err != nil {
		return err
	}
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		return err
	}
	plans, err := policies.LoadSampling(ctx, policies.Builtin())
	if err != nil {
		return err
	}
	reviews, err := review.New(ctx, db, nil, review.Options{Log: log}) // asked only which tasks there are
	if err != nil {
		return err
	}
	result, err := sampling.Verifier{
		Store: db, Record: record, Log: entries, Plans: plans, Rules: bundle.Rules, Opened: desk{reviews},
	}.Verify(ctx, c.Tenant, c.Day)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(result)
	} else {
		_, err = fmt.Print(result)
	}
	if err == nil && !result.OK {
		return errReported
	}
	return err
}

// evidenceDir is where the audit service keeps the evidence log, in its directory.
const evidenceDir = "evidence"
