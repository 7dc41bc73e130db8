package vault_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/audit/vault"
	"mingjian/collector/event"
	"mingjian/collector/original"
	"mingjian/collector/warehouse"
)

// opened is a vault on a store.
func opened(t *testing.T, dsn, keyFile string) (*vault.Vault, *store.DB) {
	t.Helper()
	db, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	v, err := vault.Open(t.Context(), db, keyFile, true)
	if err != nil {
		t.Fatal(err)
	}
	return v, db
}

func officer(ctx context.Context) context.Context {
	return identity.With(ctx, identity.Principal{ID: "officer-1"})
}

func keysOf(t *testing.T, v *vault.Vault, owners ...original.Owner) []original.Key {
	t.Helper()
	keys, err := v.Keys(t.Context(), owners)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != len(owners) {
		t.Fatalf("%d keys for %d owners", len(keys), len(owners))
	}
	return keys
}

// kept is a row with an original under a key.
func kept(k original.Key, offset int64, message string) *warehouse.Interaction {
	at := event.Position{Topic: "t", Offset: offset}
	return &warehouse.Interaction{Topic: "t", Offset: offset, KeyID: k.ID, OriginalEnc: string(original.Seal(&k, at, []byte(message)))}
}

func TestKeysAreMadeOnceAndTheSameForAll(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		file := filepath.Join(t.TempDir(), vault.MasterKeyFile)
		a, _ := opened(t, dsn, file)
		b, _ := opened(t, dsn, file) // another process
		owners := []original.Owner{
			{Tenant: "a", Customer: "x", Month: "2026-11"}, {Tenant: "a", Session: "x", Month: "2026-11"}, {Tenant: "b", Customer: "x", Month: "2026-11"},
			{Tenant: "a", Customer: "x", Month: "2026-12"}, {Topic: "x", Month: "2026-11"}, {Tenant: "a", Customer: "x", Month: "2026-11"},
		}
		var wg sync.WaitGroup
		got := make([][]original.Key, 4)
		for i := range got {
			wg.Go(func() {
				v := []*vault.Vault{a, b}[i%2]
				keys, err := v.Keys(t.Context(), owners)
				if err != nil {
					t.Error(err)
				}
				got[i] = keys
			})
		}
		wg.Wait()
		for i := range got {
			if !reflect.DeepEqual(got[i], got[0]) {
				t.Fatalf("different keys for the same owners:\n%v\n%v", got[i], got[0])
			}
		}
		ids := map[string]bool{}
		secrets := map[[original.KeySize]byte]bool{}
		for _, k := range got[0] {
			ids[k.ID], secrets[k.Secret] = true, true
		}
		if len(ids) != 5 || len(secrets) != 5 || got[0][0] != got[0][5] {
			t.Errorf("%d ids and %d secrets for 5 owners", len(ids), len(secrets))
		}
		fresh, _ := opened(t, dsn, file) // remembers nothing
		if again := keysOf(t, fresh, owners...); !reflect.DeepEqual(again, got[0]) {
			t.Error("other keys after a restart")
		}
		if a.Pseudonym("13812345678") != fresh.Pseudonym("13812345678") || a.Pseudonym("13812345678") == a.Pseudonym("13812345679") || strings.Contains(a.Pseudonym("13812345678"), "1381234") {
			t.Errorf("pseudonym %s", a.Pseudonym("13812345678"))
		}
	})
}

func TestErasingAPersonDestroysAllOfHisKeysAndNoOthers(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		file := filepath.Join(t.TempDir(), vault.MasterKeyFile)
		v, db := opened(t, dsn, file)
		collecting, _ := opened(t, dsn, file) // remembers the keys of before
		his := []original.Owner{
			{Tenant: "a", Customer: "x", Month: "2026-11"}, {Tenant: "a", Customer: "x", Month: "2026-12"},
			{Tenant: "default", Session: "s-1", Month: "2026-11"}, {Tenant: "a", Customer: v.Pseudonym("x"), Month: "2026-11"},
		}
		others := []original.Owner{{Tenant: "b", Customer: "x", Month: "2026-11"}, {Tenant: "a", Customer: "y", Month: "2026-11"}, {Tenant: "a", Session: "x", Month: "2026-11"}}
		adoption := original.Adoption{Was: original.Owner{Tenant: "default", Session: "s-1"}, Is: original.Owner{Tenant: "a", Customer: "x"}}
		for range 2 {
			if err := collecting.Adopt(t.Context(), []original.Adoption{adoption}); err != nil {
				t.Fatal(err)
			}
		}
		keys := keysOf(t, collecting, append(his, others...)...)
		var rows []*warehouse.Interaction
		for i, k := range keys {
			rows = append(rows, kept(k, int64(i), fmt.Sprint("message ", i)))
		}
		if _, err := v.Erase(t.Context(), "a", "x", "asked"); err == nil {
			t.Error("erased although nobody acts")
		}
		for i, row := range rows {
			if got, err := v.Original(t.Context(), row); err != nil || string(got) != fmt.Sprint("message ", i) {
				t.Errorf("original %d before: %q, %v", i, got, err)
			}
		}
		n, err := v.Erase(officer(t.Context()), "a", "x", "asked on paper")
		if err != nil || n != len(his) {
			t.Errorf("%d keys destroyed, want %d; %v", n, len(his), err)
		}
		for i, row := range rows {
			got, err := v.Original(t.Context(), row)
			if i < len(his) && !errors.Is(err, vault.ErrErased) || i >= len(his) && (err != nil || string(got) != fmt.Sprint("message ", i)) {
				t.Errorf("original %d after: %q, %v", i, got, err)
			}
		}
		var entries []store.Entry
		if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
			entries, err = tx.Journal(t.Context(), v.Subject("a", "x"))
			return err
		}); err != nil || len(entries) != 1 || entries[0].Actor != "officer-1" || entries[0].Reason != "asked on paper" || !strings.Contains(string(entries[0].Detail), `"keys":4`) {
			t.Errorf("journal %+v, %v", entries, err)
		}
		// Who comes back gets new keys, also from a process that remembered the old ones.
		again := keysOf(t, collecting, append(his, others...)...)
		for i := range again {
			if same := again[i] == keys[i]; same != (i >= len(his)) {
				t.Errorf("key %d after: the same is %v", i, same)
			}
		}
		if n, err := v.Erase(officer(t.Context()), "a", "nobody", ""); err != nil || n != 0 {
			t.Errorf("erasing nobody: %d, %v", n, err)
		}
	})
}

func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		v, _ := opened(t, dsn, filepath.Join(t.TempDir(), vault.MasterKeyFile))
		k := keysOf(t, v, original.Owner{Tenant: "a", Customer: "x", Month: "2026-11"})[0]
		row := kept(k, 1, "m")
		if got, err := v.Original(t.Context(), &warehouse.Interaction{Text: "plain", KeyID: k.ID}); got != nil || err != nil {
			t.Errorf("nothing was masked: %q, %v", got, err)
		}
		moved := *row
		moved.Offset = 2
		if _, err := v.Original(t.Context(), &moved); !errors.Is(err, original.ErrSealed) {
			t.Errorf("moved to another row: %v", err)
		}
		unknown := *row
		unknown.KeyID = "another"
		if _, err := v.Original(t.Context(), &unknown); !errors.Is(err, vault.ErrUnknownKey) {
			t.Errorf("unknown key: %v", err)
		}
		if got, err := v.Refused(t.Context(), &warehouse.Reject{Payload: []byte("of before")}); err != nil || string(got) != "of before" {
			t.Errorf("reject of before: %q, %v", got, err)
		}
		reject := &warehouse.Reject{Topic: "t", Offset: 1, Payload: []byte(row.OriginalEnc), KeyID: k.ID}
		if got, err := v.Refused(t.Context(), reject); err != nil || string(got) != "m" {
			t.Errorf("reject: %q, %v", got, err)
		}
	})
}

func TestTheMasterKeyIsMadeOnceAndMissedLoudly(t *testing.T) {
	dir := t.TempDir()
	dsn, file := filepath.Join(dir, "state.db"), filepath.Join(dir, vault.MasterKeyFile)
	v, db := opened(t, dsn, file)
	row := kept(keysOf(t, v, original.Owner{Tenant: "a", Customer: "x", Month: "2026-11"})[0], 1, "m")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != original.KeySize {
		t.Fatalf("master key %v, %v", info, err)
	}
	key, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, want string, make bool) {
		t.Helper()
		_, err := vault.Open(t.Context(), db, file, make)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	refused("missing", "the master key is missing", true)
	if _, err := os.Stat(file); err == nil {
		t.Error("another one was made")
	}
	for content, want := range map[string]string{"short": "exactly 32", string(make([]byte, 33)): "exactly 32", string(make([]byte, 32)): "another master key"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(fmt.Sprint(len(content), " bytes"), want, true)
	}
	if err := os.WriteFile(file, key, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := vault.Open(t.Context(), db, file, false)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Original(t.Context(), row); err != nil || string(got) != "m" {
		t.Errorf("with the key back: %q, %v", got, err)
	}
	empty, err := store.Open(t.Context(), filepath.Join(dir, "empty.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if _, err := vault.Open(t.Context(), empty, filepath.Join(dir, "absent"), false); err == nil {
		t.Error("opened without a master key")
	}
}

// Nothing in the store's files is a key, and nothing names who was erased.
func TestTheStoreHoldsNoKeyInTheClear(t *testing.T) {
	dir := t.TempDir()
	dsn := filepath.Join(dir, "state.db")
	v, db := opened(t, dsn, filepath.Join(t.TempDir(), vault.MasterKeyFile))
	k := keysOf(t, v, original.Owner{Tenant: "a", Customer: "customer-77", Month: "2026-11"})[0]
	var wrapped string
	if err := db.Read(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRowContext(t.Context(), `SELECT wrapped FROM vault_keys`).Scan(&wrapped)
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Erase(officer(t.Context()), "a", "customer-77", ""); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil { // the last one to close writes the log back
		t.Fatal(err)
	}
	b, err := os.ReadFile(dsn)
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"the key": string(k.Secret[:]), "the wrapped key": wrapped, "the customer": "customer-77"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%s stands in the store's file", what)
		}
	}
}

func BenchmarkTenThousandNewCustomers(b *testing.B) {
	dir := b.TempDir()
	db, err := store.Open(b.Context(), filepath.Join(dir, "state.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	v, err := vault.Open(b.Context(), db, filepath.Join(dir, vault.MasterKeyFile), true)
	if err != nil {
		b.Fatal(err)
	}
	batch := 0
	owners := func() []original.Owner {
		batch++
		out := make([]original.Owner, 10_000)
		for i := range out {
			out[i] = original.Owner{Tenant: "t", Customer: fmt.Sprintf("c-%d-%d", batch, i), Month: "2026-11"}
		}
		return out
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			if _, err := v.Keys(b.Context(), owners()); err != nil {
				b.Fatal(err)
			}
		}
	})
	known := owners()
	if _, err := v.Keys(b.Context(), known); err != nil {
		b.Fatal(err)
	}
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			if _, err := v.Keys(b.Context(), known); err != nil {
				b.Fatal(err)
			}
		}
	})
}
