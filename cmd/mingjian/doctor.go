package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"mingjian/audit/vault"
	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
)

type doctorCommand struct {
	where
	workflowPlace
	Deep bool `help:"Audit the record itself: every offset, every seal's root, every session judged again." env:"-"`
	JSON bool `help:"Print JSON." env:"-"`
}

func (*doctorCommand) Help() string {
	return "Without --deep: whether stream and record answer, and the seals are one chain that accounts for every offset. With it the record is audited: each offset has the row that its seal says, the rows give the seal's root, and every session's snapshot and findings follow from its stored events under the policies that judged it. That reads everything (a minute or two for a million interactions) and changes nothing; a collector may run meanwhile. Where the workflow store is found, its key names also rows whose identifiers were masked.\n\nExample:\n  mingjian doctor --deep --json"
}

// Run examines a system from outside and says what is wrong; it fails where anything is.
func (c *doctorCommand) Run(ctx context.Context) error {
	report := struct {
		OK     bool              `json:"ok"`
		Checks []collector.Check `json:"checks"`
	}{OK: true}
	cluster, record, err := c.reach(ctx)
	if err != nil {
		report.Checks = []collector.Check{{Name: "system", Detail: err.Error()}}
	} else {
		defer record.Close()
		report.Checks = c.examine(ctx, cluster, record)
	}
	for _, check := range report.Checks {
		report.OK = report.OK && check.OK
	}
	if c.JSON {
		if err := printJSON(report); err != nil {
			return err
		}
	} else {
		for _, check := range report.Checks {
			mark := "ok   "
			if !check.OK {
				mark = "FAULT"
			}
			fmt.Printf("%s  %-22s %s\n", mark, check.Name, check.Detail)
		}
	}
	if !report.OK {
		return errReported
	}
	return nil
}

// deepMemory is when the garbage of an audit is collected at the latest, in bytes: it holds little at a time, and
// reads everything. With stacks and the program itself it stays below 512 MiB.
const deepMemory = 384 << 20

func (c *doctorCommand) examine(ctx context.Context, cluster stream.Cluster, record *warehouse.Store) []collector.Check {
	if !c.Deep {
		return collector.Examine(ctx, cluster, collector.InteractionsTopic, record)
	}
	debug.SetMemoryLimit(deepMemory)
	o := collector.AuditOptions{Stream: cluster, Record: record}
	if keys, end := c.keys(ctx); keys != nil {
		defer end()
		o.Pseudonym = keys.Pseudonym
	}
	return append(collector.Audit(ctx, o), c.books(ctx)...)
}

// keys opens the vault where there is one already; an audit of a record can do without, and must not make one.
func (c *doctorCommand) keys(ctx context.Context) (*vault.Vault, func()) {
	dir, err := c.directory(&c.where)
	if err != nil {
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "audit.sqlite")); err != nil && os.Getenv("MINGJIAN_POSTGRES") == "" {
		return nil, nil
	}
	db, err := openWorkflow(ctx, dir, nil)
	if err != nil {
		return nil, nil
	}
	keys, err := openVault(ctx, dir, db)
	if err != nil {
		db.Close()
		return nil, nil
	}
	return keys, func() { db.Close() }
}

func (c *doctorCommand) reach(ctx context.Context) (stream.Cluster, *warehouse.Store, error) {
	cluster, err := c.cluster()
	if err != nil {
		return stream.Cluster{}, nil, err
	}
	record, err := c.open(ctx, embedded.ReaderUser)
	return cluster, record, err
}
