package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/collector/warehouse"
)

// workflowPlace is how a command finds the workflow store: the collector for the keys that originals
// are encrypted by, the audit service for everything it keeps.
type workflowPlace struct {
	Store string `help:"Directory of the workflow store where that is SQLite, with the API token and the master key. Default: that of the running 'up', or else mingjian-audit below the user's data directory." placeholder:"DIR"`
}

// workflowHelp is said by the commands that have one.
const workflowHelp = "The workflow store is SQLite in --store, or PostgreSQL where MINGJIAN_POSTGRES holds its address. Every collector and the audit service must use the same one, and the same master key: DIR/master.key, or the file that MINGJIAN_MASTER_KEY_FILE names."

// directory is where the store is, in a system that w finds.
func (p workflowPlace) directory(w *where) (string, error) {
	if p.Store != "" {
		return p.Store, nil
	}
	if len(w.Kafka) == 0 || w.ClickHouse == "" {
		_, dir, err := w.running()
		return dir, err
	}
	dir, err := dataDirectory(false)
	return dir + "-audit", err
}

// openWorkflow opens the workflow store of a directory.
func openWorkflow(ctx context.Context, dir string, log *slog.Logger) (*store.DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of the workflow store: %w", err)
	}
	dsn := cmp.Or(os.Getenv("MINGJIAN_POSTGRES"), filepath.Join(dir, "audit.sqlite"))
	return store.Open(ctx, dsn, store.Options{Log: log})
}

// openVault opens the keys in the workflow store of a directory.
func openVault(ctx context.Context, dir string, db *store.DB) (*vault.Vault, error) {
	named := os.Getenv("MINGJIAN_MASTER_KEY_FILE")
	v, err := vault.Open(ctx, db, cmp.Or(named, filepath.Join(dir, vault.MasterKeyFile)), named == "")
	if errors.Is(err, os.ErrNotExist) && named != "" {
		return nil, fmt.Errorf("%w: MINGJIAN_MASTER_KEY_FILE must name a file of 32 random bytes, which 'head -c 32 /dev/urandom' makes", err)
	}
	return v, err
}

// keysTo opens the keys in the workflow store of a directory for a record: one record is kept by one workflow store, for
// a second would seal it in another log, and encrypt originals by keys that the first does not have. belongs is the
// record's Claim, of those that write all the time, or its Belongs.
func keysTo(ctx context.Context, belongs func(ctx context.Context, id string) error, dir string, db *store.DB) (*vault.Vault, error) {
	keys, err := openVault(ctx, dir, db)
	if err != nil {
		return nil, err
	}
	err = belongs(ctx, keys.Installation())
	if _, taken := errors.AsType[*warehouse.TakenError](err); taken {
		return nil, fmt.Errorf("%w, and %s is another: name that one's --store (or its address in MINGJIAN_POSTGRES) and master key, or put its audit.sqlite back; where it was named by mistake, or is lost for good, empty ClickHouse's table installation", err, dir)
	}
	if errors.Is(err, warehouse.ErrUnclaimed) {
		err = nil
	}
	return keys, err
}
