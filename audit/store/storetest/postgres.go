//go:build postgres

package storetest

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

// The user of MINGJIAN_TEST_POSTGRES must be allowed to make schemas: every test gets its own.
func init() {
	engines["postgres"] = func(t *testing.T) string {
		address := os.Getenv("MINGJIAN_TEST_POSTGRES")
		u, err := url.Parse(address)
		if err != nil || address == "" {
			t.Fatal("MINGJIAN_TEST_POSTGRES must be the address of a PostgreSQL: postgres://user@host:5432/database")
		}
		admin, err := sql.Open("pgx", address)
		if err != nil {
			t.Fatal(err)
		}
		schema := "test_" + strings.ToLower(rand.Text())
		if _, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := admin.Exec("DROP SCHEMA " + schema + " CASCADE"); err != nil {
				t.Error(err)
			}
			if err := admin.Close(); err != nil {
				t.Error(err)
			}
		})
		q := u.Query()
		q.Set("search_path", schema)
		u.RawQuery = q.Encode()
		return u.String()
	}
}
