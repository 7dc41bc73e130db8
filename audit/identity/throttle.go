package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"mingjian/audit/store"
)

// Failed sign-ins in a row that cost nothing: slips of the hand by one person at one address, and by everybody
// behind it. From then on the wait doubles, from a second to a quarter of an hour: some hundred guesses a day
// from one address (NIST SP 800-63B-4, section 3.2.2, wants no more than a hundred in a row). Whoever guesses
// elsewhere does not shut the account's owner out, until it is guessed at from so many addresses that a
// hundred fail in an hour.
const (
	freeOfPair    = 5
	freeOfAccount = 100
	freeOfSource  = 20
	longestWait   = 15 * time.Minute
	forgotten     = 24 * time.Hour            // after which failures no longer count
	forgiven      = time.Minute               // takes one of a source's failures away: many people may be behind one address
	forgivenOfAll = time.Hour / freeOfAccount // takes one of an account's failures away
)

// mostFailing is how many accounts and addresses are remembered; the oldest are forgotten first, so that
// nobody fills the store by typing names.
const mostFailing = 20_000

// Throttled is the answer to one attempt too many.
type Throttled struct{ Wait time.Duration }

func (t *Throttled) Error() string {
	return fmt.Sprintf("there were too many attempts that failed; try again in %s", t.Wait)
}

// RetryAfter is the wait as the header of that name takes it: whole seconds.
func (t *Throttled) RetryAfter() string {
	return fmt.Sprint(max(1, int64((t.Wait+time.Second-1)/time.Second)))
}

// attempt counts a sign-in as failed before it is looked at, so that many at once are not all let in, and
// returns a *Throttled if it comes too soon. account is "" where none is guessed at. n is how many failed in a
// row, this one included. Whoever succeeds calls succeeded.
func (s *SignIn) attempt(ctx context.Context, account, source string) (n int64, err error) {
	now := s.db.Now()
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		type bucket struct {
			who  string
			free int64
			each time.Duration // after which one failure is forgiven; 0: never
		}
		buckets := []bucket{{ofSource(source), freeOfSource, forgiven}}
		if account != "" {
			buckets = []bucket{{ofPair(account, source), freeOfPair, 0}, {ofAccount(account), freeOfAccount, forgivenOfAll}, buckets[0]}
		}
		for _, k := range buckets {
			var failures, last int64
			// Takes the row's lock on PostgreSQL, so that two at once count as two.
			err := tx.QueryRowContext(ctx, `INSERT INTO sign_in_failures (who, failures, last_ms) VALUES ($1, 0, $2)
				ON CONFLICT (who) DO UPDATE SET who = excluded.who RETURNING failures, last_ms`, k.who, now.UnixMilli()).Scan(&failures, &last)
			if err != nil {
				return err
			}
			if now.Sub(time.UnixMilli(last)) >= forgotten {
				failures = 0
			}
			if k.each > 0 {
				failures = max(0, failures-int64(max(0, now.Sub(time.UnixMilli(last)))/k.each))
			}
			// No longer than it is, should the clock have been put back.
			whole := waitAfter(failures, k.free)
			if wait := min(whole, time.UnixMilli(last).Add(whole).Sub(now)); wait > 0 {
				return &Throttled{wait.Round(time.Second) + time.Second}
			}
			if _, err := tx.ExecContext(ctx, `UPDATE sign_in_failures SET failures = $2, last_ms = $3 WHERE who = $1`, k.who, failures+1, now.UnixMilli()); err != nil {
				return err
			}
			n = max(n, failures+1)
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM sign_in_failures WHERE last_ms <= $1 OR who IN (SELECT who FROM sign_in_failures ORDER BY last_ms DESC, who LIMIT $2 OFFSET $3)`,
			now.Add(-forgotten).UnixMilli(), mostFailing, mostFailing)
		return err
	})
	return n, err
}

// waitAfter is how long to wait after so many failures.
func waitAfter(failures, free int64) time.Duration {
	if failures < free {
		return 0
	}
	return min(time.Second<<min(failures-free, 20), longestWait)
}

// succeeded forgets the failures of the account at its address, and what attempt counted in advance.
func succeeded(ctx context.Context, tx *store.Tx, how, account, source string) error {
	// In the order of attempt, so that the two never wait for each other.
	if _, err := tx.ExecContext(ctx, `DELETE FROM sign_in_failures WHERE who = $1`, ofPair(account, source)); err != nil {
		return err
	}
	var counted []string
	switch how {
	case "password":
		counted = []string{ofAccount(account), ofSource(source)}
	case "provider":
		counted = []string{ofSource(source)}
	}
	for _, who := range counted {
		if _, err := tx.ExecContext(ctx, `UPDATE sign_in_failures SET failures = failures - 1 WHERE who = $1 AND failures > 0`, who); err != nil {
			return err
		}
	}
	return nil
}

func ofPair(id, addr string) string { return "pair:" + digest(id+"\x00"+addr) }
func ofAccount(id string) string    { return "account:" + digest(id) }
func ofSource(addr string) string   { return "source:" + digest(addr) }

// source is where a request comes from: its address, of IPv6 the network of 64 bits that one customer of a
// provider has. Where a proxy that is trusted sent it, the address is the last one in X-Forwarded-For that
// is none of them: what stands before that was written by whoever asks.
func (s *SignIn) source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(ip); i-- {
		before, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		ip = before
	}
	if ip = ip.Unmap(); ip.Is6() {
		if network, err := ip.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return ip.String()
}

func (s *SignIn) trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}

// mostNoted is how many entries of each kind of refusal go into the journal in an hour. The journal is never
// cut, so whoever knocks all day must not be able to fill the disk; how many were left out is written too.
const mostNoted = 200

// The kinds of refusals. Each has its own share, so that whoever types names that nobody has does not
// keep what matters more out of the journal.
const (
	ofUnknown = "unknown" // a name that nobody has, a wrong token, somebody whom nobody invited
	ofKnown   = "known"   // an account that there is
	ofDenied  = "denied"  // what somebody asked for who is signed in
)

// notes bounds what the journal is told of refusals.
type notes struct {
	mu    sync.Mutex
	hour  time.Time
	made  map[string]int  // by kind
	left  map[string]int  // by kind: refusals since the hour began that were not written
	known map[string]bool // what was written in this hour already
}

// note writes an entry, unless the same was written within the hour or there were too many of its kind.
func (s *SignIn) note(ctx context.Context, kind, key string, e store.Entry) error {
	now := s.db.Now().Truncate(time.Hour)
	s.notes.mu.Lock()
	var left map[string]int
	if !now.Equal(s.notes.hour) {
		left = s.notes.left
		s.notes.hour, s.notes.made, s.notes.left, s.notes.known = now, map[string]int{}, map[string]int{}, map[string]bool{}
	}
	write := !s.notes.known[key] && s.notes.made[kind] < mostNoted
	if write {
		s.notes.known[key] = true
		s.notes.made[kind]++
	} else {
		s.notes.left[kind]++
	}
	s.notes.mu.Unlock()
	if !write {
		return nil
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if len(left) > 0 {
			detail, err := json.Marshal(map[string]any{"refusals": left})
			if err != nil {
				return err
			}
			if err := tx.Record(ctx, store.Entry{Actor: "system", Action: "identity.refusals_left_out", Subject: "identity:refusals", Detail: detail}); err != nil {
				return err
			}
		}
		return tx.Record(ctx, e)
	})
}

// failed notes a failed sign-in: the first of a row, and from then on each time their number doubles. The
// name is only written where an account has it, since a password is sometimes typed in its place.
func (s *SignIn) failed(ctx context.Context, account, source, how string, n int64) error {
	kind, subject := ofUnknown, "account:unknown"
	if account != "" {
		kind, subject = ofKnown, "account:"+account
	}
	detail, err := json.Marshal(map[string]any{"source": source, "how": how, "failures": n})
	if err != nil {
		return err
	}
	key := fmt.Sprintf("failed %s %s %d", subject, source, bits.Len64(uint64(n)))
	return s.note(ctx, kind, key, store.Entry{Actor: "nobody", Action: "identity.sign_in_failed", Subject: subject, Detail: detail})
}

// Denied notes that somebody was refused what a route needs, once an hour for each person and route.
func (s *SignIn) Denied(ctx context.Context, p Principal, route string, perm Permission) error {
	detail, err := json.Marshal(map[string]any{"permission": perm, "by_token": p.Scopes != nil})
	if err != nil {
		return err
	}
	return s.note(ctx, ofDenied, "denied "+p.ID+" "+route, store.Entry{Actor: p.ID, Action: "identity.denied", Subject: "route:" + route, Detail: detail})
}
