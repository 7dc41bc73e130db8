package clickhousetest

import (
	"database/sql"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
)

// dyingEnv has a test borrow a server, say where its store is, and die.
const dyingEnv = "MINGJIAN_CLICKHOUSETEST_DYING"

func TestAServerIsLentAgainEmpty(t *testing.T) {
	var first int
	open := func(t *testing.T) (*Server, *sql.DB) {
		s := Lend(t)
		db := chgo.OpenDB(s.Options())
		t.Cleanup(func() { db.Close() })
		return s, db
	}
	exec := func(t *testing.T, db *sql.DB, statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("used", func(t *testing.T) {
		s, db := open(t)
		first = s.PID
		for _, table := range []string{"migrations", "things"} {
			exec(t, db, "CREATE TABLE "+table+" (n Int64) ENGINE = MergeTree ORDER BY n")
			exec(t, db, "INSERT INTO "+table+" VALUES (1)")
		}
	})
	t.Run("used again, and killed", func(t *testing.T) {
		s, db := open(t)
		var things, migrations int
		if err := db.QueryRowContext(t.Context(), "SELECT (SELECT count() FROM things), (SELECT count() FROM migrations)").Scan(&things, &migrations); err != nil {
			t.Fatal(err)
		}
		if s.PID != first || things != 0 || migrations != 1 {
			t.Errorf("server %d with %d things and %d migrations, want %d with none and 1", s.PID, things, migrations, first)
		}
		s.Kill()
	})
	t.Run("another", func(t *testing.T) {
		if s, _ := open(t); s.PID == first {
			t.Error("a server that was killed is lent again")
		}
	})
}

// The store of a server that was lent goes with the tests, however they end.
func TestNothingIsLeftOfTestsThatDie(t *testing.T) {
	if os.Getenv(dyingEnv) != "" {
		s := Lend(t)
		os.Stdout.WriteString("\n" + s.data + "\n")
		os.Exit(3)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), dyingEnv+"=1")
	out, _ := cmd.Output()
	_, rest, _ := strings.Cut(string(out), "\n")
	data, _, ok := strings.Cut(rest, "\n")
	if !ok || !strings.Contains(data, "clickhousetest-") {
		t.Fatalf("it said %q", out)
	}
	for end := time.Now().Add(readyWait); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(data); os.IsNotExist(err) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is still there", data)
		}
	}
}
