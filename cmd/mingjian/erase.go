package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"slices"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/retention"
	"mingjian/deploy/embedded"
	"mingjian/policies"
)

// keeper is retention in a process of its own, beside a service that may run.
func keeper(ctx context.Context, w *where, p workflowPlace, rules *policies.Bundle, log *slog.Logger) (r *retention.Retention, end func(), err error) {
	record, err := w.open(ctx, embedded.WriterUser)
	if err != nil {
		return nil, nil, err
	}
	ends := []func() error{record.Close}
	closeAll := func() { // not by the result's name, which a failure has set to nil
		for _, f := range slices.Backward(ends) {
			_ = f() // everything that counts was committed
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	dir, err := p.directory(w)
	if err != nil {
		return nil, nil, err
	}
	db, err := openWorkflow(ctx, dir, log)
	if err != nil {
		return nil, nil, err
	}
	ends = append(ends, db.Close)
	keys, err := keysTo(ctx, record.Belongs, dir, db)
	if err != nil {
		return nil, nil, err
	}
	made, err := cases.New(ctx, db, nil, cases.Options{Log: log}) // asked only to forget
	if err != nil {
		return nil, nil, err
	}
	r, err = retention.New(ctx, retention.Options{Store: db, Record: record, Vault: keys, Cases: made, Rules: func() *policies.Bundle { return rules }, Log: log})
	return r, closeAll, err
}

// atTheConsole is whoever works with the program on the machine of the workflow store: they have its keys.
func atTheConsole(ctx context.Context) context.Context {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return identity.With(ctx, identity.Principal{ID: "operator:" + name, Roles: []identity.Role{identity.Admin}})
}

type eraseCommand struct {
	where
	workflowPlace
	Tenant   string `help:"Whose customer it is." default:"default" placeholder:"TENANT" env:"-"`
	Customer string `help:"Whom to erase: the customer's id as the source knows it, or the pseudonym in the record." required:"" placeholder:"CUSTOMER" env:"-"`
	Reason   string `help:"Why. It stays in the journal for good, so do not name the person." required:"" placeholder:"WHY" env:"-"`
	DryRun   bool   `help:"Erase nothing, and say what would be." env:"-"`
	JSON     bool   `help:"Print JSON." env:"-"`
}

func (*eraseCommand) Help() string {
	return "Destroys the keys of everything that the customer said, then the contents of the rows themselves, in every part of the table. What the rows were stays provable: their hashes stay, with an entry of the evidence log that says which were erased. Refuses while a legal hold covers any of it. May be killed and run again at any moment; run again, it erases what has come since.\n\n" +
		"Not erased: backups, Kafka's own log until its retention is over, packages that were exported, payments, the journal, and what people wrote.\n\n" + workflowHelp + "\n\nExample:\n  mingjian audit erase --tenant default --customer c-1024 --reason 'request 17 of 2026'"
}

// Run erases one customer.
func (c *eraseCommand) Run(ctx context.Context, log *slog.Logger) error {
	r, end, err := keeper(ctx, &c.where, c.workflowPlace, nil, log)
	if err != nil {
		return err
	}
	defer end()
	e, err := r.Erase(atTheConsole(ctx), retention.Request{Tenant: c.Tenant, Customer: c.Customer, Reason: c.Reason, DryRun: c.DryRun})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e)
	}
	switch {
	case c.DryRun:
		fmt.Printf("%d sessions with %d interactions and %d keys would be erased.\n", e.Sessions, e.Rows, e.Keys)
	case e.ID == "":
		fmt.Println("Nothing is left to erase.")
	default:
		at := "its entry will be in the evidence log within a second or so of the audit service's running"
		if e.LogIndex != nil {
			at = fmt.Sprintf("entry %d of the evidence log says so", *e.LogIndex)
		}
		fmt.Printf("Erasure %s: %d sessions, %d interactions, %d keys; root of the leaves %s; %s.\n", e.ID, e.Sessions, e.Rows, e.Keys, e.Root, at)
	}
	return nil
}

type retentionCommand struct {
	where
	workflowPlace
	ruled
	DryRun bool `help:"Needed: only the audit service deletes, once a day, and this says what it would." env:"-"`
	JSON   bool `help:"Print JSON." env:"-"`
}

func (*retentionCommand) Help() string {
	return "Says what is past its term, by tenant, jurisdiction and industry, and by which clause. A term is the longest that a clause asks for (3 years; 5 in Spain; 10 in insurance), or the tenant's own where that is longer (retention_years in tenants.yaml). It runs from when a session was recorded last. What somebody holds, open sessions, payments, seals and the evidence log stay; seals still verify.\n\nExample:\n  mingjian audit retention --dry-run"
}

// Run says what would go.
func (c *retentionCommand) Run(ctx context.Context, log *slog.Logger) error {
	if !c.DryRun {
		return errors.New("the audit service deletes by itself, once a day: ask with --dry-run what it would")
	}
	bundle, err := c.source().Load()
	if err != nil {
		return err
	}
	r, end, err := keeper(ctx, &c.where, c.workflowPlace, bundle, log)
	if err != nil {
		return err
	}
	defer end()
	due, err := r.Sweep(ctx, true)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(append([]retention.Due{}, due...))
	}
	if len(due) == 0 {
		fmt.Println("Nothing is past its term.")
	}
	for _, d := range due {
		fmt.Printf("%s, %s, %s: %d sessions with %d interactions, recorded last before %s (%d years, %s); %d more are held\n",
			d.Tenant, cmp.Or(d.Jurisdiction, "no jurisdiction"), cmp.Or(d.Industry, "no industry"), d.Sessions, d.Rows, d.Before.Format(time.DateOnly), d.Term.Years, d.Term.Clause, d.Held)
	}
	return nil
}
