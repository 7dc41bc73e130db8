package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"mingjian/audit/evidence"
	"mingjian/audit/evidence/fsck"
	"mingjian/deploy/embedded"
)

// What the evidence log is witnessed by from outside, by addresses that are the installation's own.
const (
	stampURL          = "MINGJIAN_TSA_URL"          // of an authority that stamps checkpoints (RFC 3161)
	stampCertificates = "MINGJIAN_TSA_CERTIFICATES" // file of those that its stamps must lead to, PEM
	witnessURL        = "MINGJIAN_WITNESS_URL"      // of who cosigns checkpoints (C2SP tlog-witness)
	witnessKey        = "MINGJIAN_WITNESS_KEY"      // its verifier key
)

// notary opens the evidence log for this process to append to.
func (a auditService) notary(ctx context.Context) (*evidence.Notary, error) {
	n, err := evidence.Open(ctx, filepath.Join(a.dir, evidenceDir), evidence.Options{
		Store: a.db, Mirror: a.record, Log: a.log, Authority: os.Getenv(stampURL),
		Witness: evidence.Witness{URL: os.Getenv(witnessURL), Key: os.Getenv(witnessKey)},
	})
	if err != nil {
		return nil, fmt.Errorf("evidence log: %w", err)
	}
	return n, nil
}

type auditEvidenceCommand struct {
	Fsck fsckCommand `cmd:"" help:"Check that record, seals and evidence log say the same, and name what does not fit."`
}

type fsckCommand struct {
	where
	workflowPlace
	JSON bool `help:"Print JSON." env:"-"`
}

func (*fsckCommand) Help() string {
	return "Computes every row's leaf, every seal's roots and the log's tree again, and names each row, finding, seal, entry and file that is not what was sealed and signed. It reads everything (a minute or so for a million interactions) and changes nothing; collectors and the audit service may run meanwhile. What stands behind a partition's newest seal and was last written over fifteen minutes ago is named too; where a collector was killed, let one go on first. Without the workflow store and its master key the journal and the seals' lists of tenants are not checked, and it says so. " +
		stampCertificates + " names a PEM file of the certificates that time stamps must lead to, " + witnessKey + " the witness's verifier key.\n\nExample:\n  mingjian audit evidence fsck --json"
}

// fsckMemory is when the garbage of a check is collected at the latest, in bytes. With stacks and the program
// itself it stays below 300 MiB.
const fsckMemory = 224 << 20

// Run checks the evidence; it fails where anything does not fit.
func (c *fsckCommand) Run(ctx context.Context, log *slog.Logger) error {
	debug.SetMemoryLimit(fsckMemory)
	dir, err := c.directory(&c.where)
	if err != nil {
		return err
	}
	record, err := c.open(ctx, embedded.ReaderUser)
	if err != nil {
		return err
	}
	defer record.Close()
	o := fsck.Options{Record: record, Dir: filepath.Join(dir, evidenceDir), Witness: os.Getenv(witnessKey)}
	if o.Roots, err = certificates(os.Getenv(stampCertificates)); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "audit.sqlite")); err == nil || os.Getenv("MINGJIAN_POSTGRES") != "" {
		db, err := openWorkflow(ctx, dir, log)
		if err != nil {
			return err
		}
		defer db.Close()
		if err := db.Migrate(ctx, evidence.Noun); err != nil {
			return err
		}
		o.Store = db
		// A check must not make a master key where there is none.
		if _, err := os.Stat(cmp.Or(os.Getenv("MINGJIAN_MASTER_KEY_FILE"), filepath.Join(dir, "master.key"))); !errors.Is(err, fs.ErrNotExist) {
			keys, err := openVault(ctx, dir, db)
			if err != nil {
				return err
			}
			o.Blinding = keys.Blinding
		}
	}
	report, err := fsck.Run(ctx, o)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(report)
	} else {
		printReport(report)
	}
	if err == nil && !report.OK {
		return errReported
	}
	return err
}

func printReport(r *fsck.Report) {
	for _, f := range r.Faults {
		fmt.Println(f)
	}
	if r.More > 0 {
		fmt.Printf("and %d more\n", r.More)
	}
	n := r.Checked
	fmt.Printf("Checked %d interactions (%d erased), %d rejects, %d findings in %d versions, %d seals of %d partitions (%d superseded, %d past retention), %d entries of the evidence log in %d files, %d copies of them, %d entries of the journal, %d time stamps\n",
		n.Interactions, n.Erased, n.Rejects, n.Findings, n.Versions, n.Seals, n.Partitions, n.Superseded, n.Aged, n.Entries, n.Files, n.Copies, n.Journal, n.Stamps)
	if n.Erasing > 0 {
		fmt.Printf("Being erased, and not in the log yet: %d interactions\n", n.Erasing)
	}
	if n.Unsealed > 0 {
		fmt.Printf("Not sealed yet, behind the newest seal: %d rows\n", n.Unsealed)
	}
	for _, what := range r.Unchecked {
		fmt.Printf("Not checked: %s\n", what)
	}
	if r.OK {
		fmt.Println("Everything fits.")
	} else {
		fmt.Printf("%d things do NOT fit.\n", len(r.Faults)+r.More)
	}
}

// certificates reads a PEM file; nil where none is named.
func certificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stampCertificates, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: %s holds no certificate in PEM", stampCertificates, file)
	}
	return pool, nil
}
