package identity_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
)

func throttled(err error) (time.Duration, bool) {
	var t *identity.Throttled
	if errors.As(err, &t) {
		return t.Wait, true
	}
	return 0, false
}

func TestGuessingGetsSlowerAndSlower(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		// An account that there is and one that there is not are told apart by nothing.
		for _, name := range []string{"li", "nobody-of-this-name", "not a name!"} {
			for i := range 5 {
				if _, err := d.WithPassword(t.Context(), request(), name, "wrong"); err != identity.ErrCredentials {
					t.Fatalf("%s, attempt %d: %v", name, i, err)
				}
			}
			last := time.Duration(0)
			tries := 0
			for day := d.now.Add(24 * time.Hour); d.now.Before(day); {
				_, err := d.WithPassword(t.Context(), request(), name, "wrong")
				wait, slow := throttled(err)
				if !slow {
					if tries++; err != identity.ErrCredentials {
						t.Fatal(err)
					}
					continue
				}
				if wait < last || wait > 15*time.Minute+time.Second {
					t.Fatalf("%s: after waiting %s the wait is %s", name, last, wait)
				}
				last = wait
				d.now = d.now.Add(wait)
			}
			if tries > 120 {
				t.Errorf("%s: %d guesses in a day", name, tries)
			}
			d.now = d.now.Add(25 * time.Hour)
		}
	})
}

func TestWhoKnowsThePasswordGetsInAndClearsTheCount(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		for range 50 {
			for range 4 {
				if _, err := d.WithPassword(t.Context(), request(), "li", "wrong"); err != identity.ErrCredentials {
					t.Fatal(err)
				}
			}
			if _, err := d.WithPassword(t.Context(), request(), "li", identitytest.Password); err != nil {
				t.Fatal(err)
			}
			d.now = d.now.Add(time.Hour)
		}
		for range 6 {
			d.WithPassword(t.Context(), request(), "li", "wrong")
		}
		if _, err := d.WithPassword(t.Context(), request(), "li", identitytest.Password); err == nil {
			t.Error("the right password right after too many wrong ones opens, so that guesses can be tried at any speed")
		}
		// The count survives a restart: it is in the store.
		again, err := identity.NewSignIn(t.Context(), d.db, identity.Options{Cost: &identitytest.Cost})
		if err != nil {
			t.Fatal(err)
		}
		if _, slow := throttled(second(again.WithPassword(t.Context(), request(), "li", identitytest.Password))); !slow {
			t.Error("a restart forgets the count")
		}
		d.now = d.now.Add(time.Minute)
		if _, err := d.WithPassword(t.Context(), request(), "li", identitytest.Password); err != nil {
			t.Error(err)
		}
	})
}

func TestOneSourceCannotGoThroughAllNames(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		slow := false
		for i := range 30 {
			_, err := d.WithPassword(t.Context(), request(), fmt.Sprint("name-", i), "wrong")
			if _, slow = throttled(err); slow && i < 20 {
				t.Fatalf("after %d attempts", i)
			}
		}
		if !slow {
			t.Error("thirty names from one address are tried without a wait")
		}
		elsewhere := request()
		elsewhere.RemoteAddr = "192.0.2.7:1"
		if _, err := d.WithPassword(t.Context(), elsewhere, "li", identitytest.Password); err != nil {
			t.Errorf("from another address: %v", err)
		}
	})
}

func TestAttemptsAtOnceAreAllCounted(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		var wg sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			wg.Go(func() { _, errs[i] = d.WithPassword(t.Context(), request(), "li", "wrong") })
		}
		wg.Wait()
		looked := 0
		for _, err := range errs {
			if err == identity.ErrCredentials {
				looked++
			} else if _, slow := throttled(err); !slow {
				t.Error(err)
			}
		}
		if looked > 5 {
			t.Errorf("%d of twenty at once were looked at", looked)
		}
	})
}

func TestTheAdministratorsTokenIsGuessedSlowlyToo(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		for range 20 {
			if _, err := d.WithAdminToken(t.Context(), request(), "wrong"); err != identity.ErrWrongToken {
				t.Fatal(err)
			}
		}
		if wait, slow := throttled(second(d.WithAdminToken(t.Context(), request(), "wrong"))); !slow || wait < time.Second {
			t.Errorf("the next: %s, %v", wait, slow)
		}
		// Whoever has it does not wait for those who guess.
		c, err := d.WithAdminToken(t.Context(), request(), " the-token\n")
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := d.who(c); !ok || p.ID != "admin" || !p.May(identity.ManagePeople) {
			t.Errorf("signed in as %+v", p)
		}
	})
}

// TestNobodyLocksSomebodyOutFromElsewhere, unless they do it from very many addresses.
func TestNobodyLocksSomebodyOutFromElsewhere(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		from := func(i int) *http.Request {
			r := request()
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
			return r
		}
		for {
			if _, err := d.WithPassword(t.Context(), from(1), "li", "wrong"); err != identity.ErrCredentials {
				break
			}
		}
		if _, err := d.WithPassword(t.Context(), request(), "li", identitytest.Password); err != nil {
			t.Errorf("whoever guesses elsewhere shuts the owner out: %v", err)
		}
		looked := 0
		for i := range 60 {
			for range 4 {
				if _, err := d.WithPassword(t.Context(), from(i+2), "li", "wrong"); err == identity.ErrCredentials {
					looked++
				}
			}
		}
		if looked > 100 {
			t.Errorf("%d guesses from sixty addresses were looked at in a moment", looked)
		}
		d.now = d.now.Add(time.Hour)
		identitytest.Cookie(t, d.SignIn, "li")
	})
}

// TestWhoKnocksAllDayDoesNotFillTheJournal counts what a day of refusals leaves behind.
func TestWhoKnocksAllDayDoesNotFillTheJournal(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		viewer := identity.Principal{ID: "li", Roles: []identity.Role{identity.Viewer}}
		for i := range 300 {
			r := request()
			r.RemoteAddr = fmt.Sprintf("192.0.%d.%d:1", i/250, i%250)
			d.WithPassword(t.Context(), r, fmt.Sprint("name-", i), "wrong")
			if err := d.Denied(t.Context(), viewer, fmt.Sprint("GET /x/", i), identity.ManagePeople); err != nil {
				t.Fatal(err)
			}
		}
		count := func(where string) (n int) {
			if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
				return tx.QueryRowContext(t.Context(), `SELECT count(*) FROM journal `+where).Scan(&n)
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		identitytest.Account(t, d.SignIn, "wang", inspector)
		before := count("")
		if before == 0 || before > 410 {
			t.Errorf("six hundred refusals in an hour are %d entries", before)
		}
		// What matters more has its own share.
		if _, err := d.WithPassword(t.Context(), request(), "wang", "wrong"); err != identity.ErrCredentials {
			t.Fatal(err)
		}
		if count(`WHERE action = 'identity.sign_in_failed' AND subject = 'account:wang'`) != 1 {
			t.Error("names that nobody has keep a guess at somebody's password out of the journal")
		}
		if n := count(`WHERE detail LIKE '%wrong%' OR subject LIKE '%name-%'`); n != 0 {
			t.Errorf("%d entries tell what was typed", n)
		}
		d.now = d.now.Add(time.Hour)
		if err := d.Denied(t.Context(), viewer, "GET /x", identity.ManagePeople); err != nil {
			t.Fatal(err)
		}
		if count(`WHERE action = 'identity.refusals_left_out'`) != 1 || count(`WHERE action = 'identity.denied' AND subject = 'route:GET /x'`) != 1 {
			t.Error("what was left out is not told in the next hour")
		}
	})
}

func TestFailuresOfTooManyNamesAreForgotten(t *testing.T) {
	d := open(t, t.TempDir()+"/state.db", identity.Options{})
	if err := d.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
			INSERT INTO sign_in_failures SELECT 'account:' || i, 1, $1 + i FROM n`, d.now.Add(-time.Hour).UnixMilli())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := d.WithPassword(t.Context(), request(), "li", "wrong"); err != identity.ErrCredentials {
			t.Fatal(err)
		}
	}
	var n int
	if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRowContext(t.Context(), `SELECT count(*) FROM sign_in_failures`).Scan(&n)
	}); err != nil || n > 20_002 {
		t.Errorf("%d names are remembered, %v", n, err)
	}
}

// TestAProxyIsNotTheSource: behind one that is trusted, people are told apart; what they write themselves
// tells nothing.
func TestAProxyIsNotTheSource(t *testing.T) {
	d := open(t, t.TempDir()+"/state.db", identity.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	tries := func(peer string, forwarded func(i int) string) (slow bool) {
		for i := range 30 {
			r := request("X-Forwarded-For", forwarded(i))
			r.RemoteAddr = peer
			_, err := d.WithPassword(t.Context(), r, fmt.Sprint(peer, forwarded(0), i), "wrong")
			if _, slow = throttled(err); slow {
				return true
			}
		}
		return false
	}
	for name, c := range map[string]struct {
		peer string
		from func(i int) string
		want bool
	}{
		"many people behind the proxy":            {"10.1.2.3:1", func(i int) string { return fmt.Sprintf("192.0.2.%d", i) }, false},
		"many behind two proxies":                 {"10.1.2.3:1", func(i int) string { return fmt.Sprintf("192.0.3.%d, 10.9.9.9", i) }, false},
		"one who writes names before their own":   {"10.1.2.3:1", func(i int) string { return fmt.Sprintf("203.0.113.%d, 192.0.2.200", i) }, true},
		"one who is no proxy and says to be many": {"198.51.100.7:1", func(i int) string { return fmt.Sprintf("192.0.4.%d", i) }, true},
		"one network of IPv6":                     {"10.1.2.3:1", func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, true},
		"many networks of IPv6":                   {"10.1.2.3:1", func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i+1) }, false},
		"what is no address":                      {"10.7.7.7:1", func(i int) string { return fmt.Sprint("x", i) }, true},
	} {
		if got := tries(c.peer, c.from); got != c.want {
			t.Errorf("%s: slowed down is %v", name, got)
		}
	}
}
