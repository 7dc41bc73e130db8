package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/export"
	"mingjian/audit/export/dossier"
	"mingjian/audit/sampling"
	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/collector"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
)

// exportsDir is where the audit service keeps packages, in its directory.
const exportsDir = "exports"

// packages makes packages in the background for whoever asks the service.
func (a auditService) packages(ctx context.Context, accounts export.Accounts) (*export.Exports, error) {
	return export.New(ctx, export.Options{
		Store: a.db, Dir: filepath.Join(a.dir, exportsDir), Accounts: accounts, Log: a.log,
		Make: func(ctx context.Context, w io.Writer, r export.Request, progress func(export.Progress)) (*export.Made, error) {
			sources, err := packageSources(a.dir, a.record, a.db, a.keys)
			if err != nil {
				return nil, err
			}
			return sources.Write(ctx, w, r, progress)
		},
	})
}

// packageSources opens what packages are made of, in the directory of the audit service.
func packageSources(dir string, record *warehouse.Store, db *store.DB, keys *vault.Vault) (*export.Sources, error) {
	log, err := evidence.OpenLog(filepath.Join(dir, evidenceDir))
	if err != nil {
		return nil, fmt.Errorf("%w: the audit service makes it when it first runs", err)
	}
	signer, err := evidence.OpenSigner(filepath.Join(dir, evidenceDir))
	if err != nil {
		return nil, err
	}
	return &export.Sources{
		Record: record, Topic: collector.InteractionsTopic, Log: log, Signer: signer, Blinding: keys.Blinding, Store: db, Program: programVersion(),
	}, nil
}

type exportCommand struct {
	where
	workflowPlace
	Tenant       string   `help:"Whose record." default:"default" env:"-"`
	From         string   `help:"First day (2026-10-01, in the zone of China's mainland), or a moment (RFC 3339)." required:"" placeholder:"DAY" env:"-"`
	To           string   `help:"Last day, which is in it, or the moment before which it ends." required:"" placeholder:"DAY" env:"-"`
	Jurisdiction []string `help:"Only conversations of these jurisdictions." placeholder:"CODE" env:"-"`
	Rule         []string `help:"Only conversations that broke one of these rules." placeholder:"ID" env:"-"`
	Session      []string `help:"Only these conversations." placeholder:"ID" env:"-"`
	At           uint64   `help:"Prove against the evidence log as it was at this size; without it, as it is." placeholder:"SIZE" env:"-"`
	Purpose      string   `help:"What it is for; stands in the package and in the journal." default:"regulatory inspection" env:"-"`
	Out          string   `help:"File to write." required:"" placeholder:"FILE" type:"path" env:"-"`
	JSON         bool     `help:"Print JSON." env:"-"`
}

func (*exportCommand) Help() string {
	return "The package is a zip file with every interaction and finding of the tenant and the period, the seals and the evidence log's proofs over them, the rules as they were, what people decided, and a report to read. 'mingjian verify FILE' checks it without any system. The same command at the same --at gives the same bytes, until something of what it covers is erased. It takes its data from the running system; without one, --clickhouse says where the record is and --store where the workflow store, the keys and the evidence log are. It is journalled.\n\nExample:\n  mingjian export --tenant acme --from 2026-10-01 --to 2026-10-31 --out acme-october.zip"
}

// written is what --json prints.
type written struct {
	File         string        `json:"file"`
	Package      string        `json:"package_id"`
	Size         int64         `json:"size"`
	SHA256       string        `json:"sha256"`
	Scope        dossier.Scope `json:"scope"`
	LogSize      uint64        `json:"log_size"`
	Interactions int64         `json:"interactions"`
	Files        int           `json:"files"`
}

// Run writes the package.
func (c *exportCommand) Run(ctx context.Context, log *slog.Logger) error {
	from, err := dayOrMoment("--from", c.From, false)
	if err != nil {
		return err
	}
	to, err := dayOrMoment("--to", c.To, true)
	if err != nil {
		return err
	}
	dir, err := c.directory(&c.where)
	if err != nil {
		return err
	}
	record, err := c.open(ctx, embedded.ReaderUser)
	if err != nil {
		return err
	}
	defer record.Close()
	db, err := openWorkflow(ctx, dir, log)
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := keysTo(ctx, record.Belongs, dir, db)
	if err != nil {
		return err
	}
	sources, err := packageSources(dir, record, db, keys)
	if err != nil {
		return err
	}
	request := export.Request{Purpose: c.Purpose, At: c.At, Scope: dossier.Scope{
		Tenant: c.Tenant, From: from.UnixMilli(), To: to.UnixMilli(), Jurisdictions: c.Jurisdiction, Rules: c.Rule, Sessions: c.Session,
	}}
	out, err := write(ctx, sources, request, c.Out)
	if err != nil {
		return err
	}
	if err := db.Write(ctx, func(tx *store.Tx) error {
		detail, err := json.Marshal(out)
		if err != nil {
			return err
		}
		return tx.Record(ctx, store.Entry{Actor: "command-line", Action: "export.written", Subject: "export:" + out.Package, Reason: c.Purpose, Detail: detail})
	}); err != nil {
		return errors.Join(err, os.Remove(c.Out))
	}
	if c.JSON {
		return printJSON(out)
	}
	_, err = fmt.Printf("%s: %d interactions, %d bytes, package %s at log size %d\nSHA-256 %s\n", out.File, out.Interactions, out.Size, out.Package, out.LogSize, out.SHA256)
	return err
}

// write makes the package in a file that is whole or not there.
func write(ctx context.Context, sources *export.Sources, r export.Request, name string) (out written, err error) {
	f, err := os.OpenFile(name+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return out, err
	}
	sum := sha256.New()
	told := time.Time{}
	made, err := sources.Write(ctx, io.MultiWriter(f, sum), r, func(p export.Progress) {
		if now := time.Now(); now.Sub(told) >= time.Second {
			told = now
			fmt.Fprintf(os.Stderr, "%s: %d of %d interactions\n", p.Phase, p.Done, p.Total)
		}
	})
	info, failed := f.Stat()
	err = errors.Join(err, failed, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return out, errors.Join(err, os.Remove(f.Name()))
	}
	return written{
		File: name, Package: made.Manifest.ID, Size: info.Size(), SHA256: hex.EncodeToString(sum.Sum(nil)), Scope: made.Manifest.Scope,
		LogSize: made.Manifest.LogSize, Interactions: made.Interactions, Files: len(made.Manifest.Files) + 2,
	}, nil
}

// dayOrMoment reads a day of China's zone, its end where end is set, or a moment.
func dayOrMoment(flag, text string, end bool) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, text, sampling.Shanghai); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s %q is no day: write it as 2026-10-01, or as a moment (RFC 3339)", flag, text)
	}
	return t, nil
}
