package review_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/collector/warehouse"
)

// These variables make the test binary an audit service that can be killed: 50 inspectors work in it
// and every claim and verdict that was acknowledged is a line of its output.
const (
	loadStore = "MINGJIAN_TEST_REVIEW_STORE"
	loadRate  = "MINGJIAN_TEST_REVIEW_RATE" // claims that arrive in a second; 0: as fast as they can
)

const inspectors = 50

func TestMain(m *testing.M) {
	if dsn := os.Getenv(loadStore); dsn != "" {
		rate, err := strconv.ParseFloat(os.Getenv(loadRate), 64)
		if err == nil {
			err = serve(context.Background(), dsn, rate)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve works until no task is left.
func serve(ctx context.Context, dsn string, rate float64) error {
	db, err := store.Open(ctx, dsn, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer db.Close()
	r, err := review.New(ctx, db, &record{findings: map[string][]warehouse.FindingItem{}, revision: revision}, review.Options{BlindShare: share(0), SweepEvery: time.Second})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var beside, at sync.WaitGroup
	beside.Go(func() { _ = r.Run(ctx) })
	beside.Go(func() { _ = db.Relay(ctx, func(context.Context, store.Message) error { return nil }) })
	defer beside.Wait()
	defer stop()

	// An arrival is the moment at which somebody asks for the next task. A latency counts from then,
	// so that waiting for somebody who is free is part of it.
	arrivals := make(chan time.Time, 1<<16)
	beside.Go(func() {
		for begin, n := time.Now(), 0; ctx.Err() == nil; n++ {
			due := time.Now()
			if rate > 0 {
				due = begin.Add(time.Duration(float64(n) / rate * float64(time.Second)))
				time.Sleep(time.Until(due))
			}
			select {
			case arrivals <- due:
			case <-ctx.Done():
			}
		}
	})
	faults := make(chan error, inspectors)
	for i := range inspectors {
		at.Go(func() { faults <- inspect(ctx, r, fmt.Sprint("inspector-", i), rate, arrivals) })
	}
	at.Wait()
	for range inspectors {
		if err := <-faults; err != nil {
			return err
		}
	}
	return nil
}

// inspect is one inspector's day: first what they hold since before the service was killed.
func inspect(ctx context.Context, r *review.Reviews, who string, rate float64, arrivals <-chan time.Time) error {
	ctx = identity.With(ctx, identity.Principal{ID: who, Roles: []identity.Role{identity.Inspector}})
	submit := func(t review.Task) error {
		words := fmt.Sprint(who, "-", rand.Uint64())
		begin := time.Now()
		if _, err := r.Submit(ctx, t.ID, t.Version, answer(func(a *review.Answer) { a.Remarks = words })); err != nil {
			return fmt.Errorf("%s submits: %w", who, err)
		}
		fmt.Println("verdict", t.ID, who, words, time.Since(begin).Microseconds())
		return nil
	}
	held, err := r.List(ctx, review.Query{Inspector: who, States: []review.State{review.Claimed}, Limit: 10})
	if err != nil {
		return err
	}
	for _, t := range held.Items {
		if err := submit(t); err != nil {
			return err
		}
	}
	for {
		asked := <-arrivals
		t, ok, err := r.Next(ctx)
		if err != nil {
			return fmt.Errorf("%s claims: %w", who, err)
		}
		if !ok {
			return nil
		}
		fmt.Println("claim", t.ID, who, "-", time.Since(asked).Microseconds())
		if rate > 0 {
			// Half of the inspectors are at work at any time, so that a verdict arrives for each claim.
			time.Sleep(time.Duration(rand.ExpFloat64() * inspectors / 2 / rate * float64(time.Second)))
		}
		if err := submit(t); err != nil {
			return err
		}
	}
}

// acknowledged is what the service has answered, over all its lives.
type acknowledged struct {
	claims, verdicts map[string]string // by task: who; their words
	latency          map[string][]time.Duration
	twice            []string
}

// life starts the service, reads what it acknowledges, and kills it once enough returns true. It
// returns whether the service ended by itself.
func (a *acknowledged) life(t *testing.T, dsn string, rate float64, enough func() bool) bool {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), loadStore+"="+dsn, fmt.Sprint(loadRate, "=", rate))
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // half a line acknowledges nothing
			if err != io.EOF {
				t.Error(err)
			}
			break
		}
		f := strings.Fields(line)
		us, _ := strconv.Atoi(f[4])
		a.latency[f[0]] = append(a.latency[f[0]], time.Duration(us)*time.Microsecond)
		into, value := a.claims, f[2]
		if f[0] == "verdict" {
			into, value = a.verdicts, f[3]
		}
		if before, ok := into[f[1]]; ok {
			a.twice = append(a.twice, fmt.Sprintf("%s of %s for %s and %s", f[0], f[1], before, value))
		}
		into[f[1]] = value
		if !killed && enough() {
			killed = true
			if err := cmd.Process.Kill(); err != nil { // SIGKILL, while the others are under way
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil && !killed {
		t.Fatalf("the service ended: %v\n%s", err, said.String())
	}
	return !killed
}

// holds compares what was acknowledged with what is in the store.
func (a *acknowledged) holds(t *testing.T, d *desk, tasks int) {
	t.Helper()
	for _, s := range a.twice {
		t.Error("acknowledged twice: ", s)
	}
	if len(a.verdicts) < tasks-inspectors {
		t.Errorf("only %d verdicts of %d were acknowledged", len(a.verdicts), tasks)
	}
	chen := d.as("chen", identity.Supervisor)
	found := 0
	for cursor := ""; ; {
		page, err := d.List(chen, review.Query{Limit: 500, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range page.Items {
			found++
			if task.State != review.Submitted || task.Verdict == nil {
				t.Errorf("%s is %s", task.ID, task.State)
				continue
			}
			if who, ok := a.claims[task.ID]; ok && who != task.Inspector {
				t.Errorf("%s was given to %s and is %s's", task.ID, who, task.Inspector)
			}
			if words, ok := a.verdicts[task.ID]; ok && words != task.Verdict.Remarks {
				t.Errorf("%s: the verdict %q was acknowledged, and %q stands", task.ID, words, task.Verdict.Remarks)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if found != tasks {
		t.Errorf("%d tasks stand of %d", found, tasks)
	}
	// Each was claimed once and submitted once, acknowledged or not.
	if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.QueryContext(t.Context(), `SELECT action, count(*), count(DISTINCT subject) FROM journal WHERE subject LIKE 'review:%' GROUP BY action`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var action string
			var n, subjects int
			if err := rows.Scan(&action, &n, &subjects); err != nil {
				return err
			}
			if n != tasks || subjects != tasks {
				t.Errorf("the journal has %s %d times for %d tasks of %d", action, n, subjects, tasks)
			}
		}
		return rows.Err()
	}); err != nil {
		t.Error(err)
	}
}

// load opens tasks and lets inspectors work them off through lives that each end by SIGKILL but the last.
func load(t *testing.T, dsn string, tasks int, rate float64, kill func(*acknowledged) []func() bool) *acknowledged {
	d := open(t, dsn, nil)
	d.now = time.Now()
	list := make([]review.NewTask, tasks)
	for i := range list {
		list[i] = sample(fmt.Sprint("s-", i))
		list[i].ClosedAt = d.now.Add(-time.Duration(i) * time.Second)
	}
	d.open(list...)
	a := &acknowledged{claims: map[string]string{}, verdicts: map[string]string{}, latency: map[string][]time.Duration{}}
	for _, enough := range kill(a) {
		if a.life(t, dsn, rate, enough) {
			t.Error("the service was done before it was killed")
		}
	}
	if !a.life(t, dsn, rate, func() bool { return false }) {
		t.Error("the last life was killed")
	}
	a.holds(t, d, tasks)
	return a
}

func TestNothingAcknowledgedIsLostOrDoubledByASIGKILL(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		load(t, dsn, 250, 0, func(a *acknowledged) []func() bool {
			after := func(n int) func() bool { return func() bool { return len(a.verdicts) >= n } }
			return []func() bool{after(50), after(120)}
		})
	})
}
