package sampling

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Opened tells of review tasks.
type Opened interface {
	// Missing returns those of some picks that have no review task.
	Missing(ctx context.Context, picks []Pick) ([]Pick, error)
}

// Verifier recomputes a day's lots from what is stored: the warehouse, the evidence log, the workflow
// store. Tenants must be the terms that held.
type Verifier struct {
	Store   *store.DB
	Record  Record
	Log     *evidence.Log
	Plans   *policies.Sampling
	Rules   []policies.Rule
	Tenants Tenants // Everybody(DefaultTerms) when nil
	Opened  Opened  // nil: whether picks have review tasks is not checked
}

// Problem is one thing that is not as it must be.
type Problem struct {
	What  string `json:"what"`
	Where string `json:"where"` // lot:…, session:…, pick:…, key:…, log
}

// Verification is what a Verifier found.
type Verification struct {
	OK       bool      `json:"ok"` // no problem
	Day      string    `json:"day"`
	Lots     int       `json:"lots"`
	Sessions int       `json:"sessions"`
	Picks    int       `json:"picks"`
	Problems []Problem `json:"problems"`
	// Notes are what a reader should know although nothing is wrong: a key that was committed to
	// late, a day that is not over.
	Notes []string `json:"notes"`
}

// verifying is one verification on its way.
type verifying struct {
	Verifier
	out      *Verification
	tenant   string
	day      string
	systemic map[string]bool
	told     told
	lots     []storedLot
	inLots   map[sessionKey]bool // sessions of the day's lots
	progress map[string]progress
	marked   int64 // up to where reasons were followed
}

type sessionKey struct{ tenant, id string }

// storedLot is a lot as the store has it.
type storedLot struct {
	Lot
	checkpoint []byte
	members    []member
}

// Verify checks one day (YYYY-MM-DD in the tenant's zone) of one tenant, or of all where tenant is "".
// An error says that it could not be checked; what is wrong is in the answer.
func (v Verifier) Verify(ctx context.Context, tenant, dayName string) (*Verification, error) {
	if _, err := time.Parse(time.DateOnly, dayName); err != nil {
		return nil, fmt.Errorf("the day %q is not one: write it as 2026-10-12", dayName)
	}
	if v.Tenants == nil {
		v.Tenants = Everybody(DefaultTerms)
	}
	c := &verifying{
		Verifier: v, out: &Verification{Day: dayName, Problems: []Problem{}, Notes: []string{}}, tenant: tenant, day: dayName,
		systemic: systemicRules(v.Rules), inLots: map[sessionKey]bool{}, progress: map[string]progress{},
	}
	for _, step := range []func(context.Context) error{c.readStore, c.readLog, c.checkLots, c.checkMandatory, c.checkTasks} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("verify sampling: %w", err)
		}
	}
	c.out.OK = len(c.out.Problems) == 0
	return c.out, nil
}

func (c *verifying) problem(where, format string, args ...any) {
	c.out.Problems = append(c.out.Problems, Problem{What: fmt.Sprintf(format, args...), Where: where})
}

func (c *verifying) note(format string, args ...any) {
	if note := fmt.Sprintf(format, args...); !slices.Contains(c.out.Notes, note) {
		c.out.Notes = append(c.out.Notes, note)
	}
}

// concerns says whether a lot is among those to be checked.
func (c *verifying) concerns(l Closing) bool {
	return l.Day == c.day && (c.tenant == "" || c.tenant == l.Tenant)
}

// readStore reads the day's lots and how far sampling is.
func (c *verifying) readStore(ctx context.Context) error {
	return c.Store.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT document, outcome, reviewed, defective, decided_ms, checkpoint, members FROM sampling_lots
			WHERE day = $1 AND (tenant = $2 OR $2 = '') ORDER BY seq`, c.day, c.tenant)
		if err != nil {
			return err
		}
		err = eachRow(rows, func() error {
			var l storedLot
			var text, checkpoint string
			var decided int64
			var packed []byte
			if err := rows.Scan(&text, &l.Outcome, &l.Reviewed, &l.Defective, &decided, &checkpoint, &packed); err != nil {
				return err
			}
			l.checkpoint, l.DecidedAt = []byte(checkpoint), fromMS(decided)
			if err := json.Unmarshal([]byte(text), &l.Closing); err != nil {
				return err
			}
			var err error
			if l.members, err = unpack(packed); err != nil {
				c.problem("lot:"+l.ID, "the members of the lot cannot be read: %v", err)
			}
			c.lots = append(c.lots, l)
			return nil
		})
		if err != nil {
			return err
		}
		rows, err = tx.QueryContext(ctx, `SELECT tenant, first_ms, next_ms FROM sampling_progress`)
		if err != nil {
			return err
		}
		err = eachRow(rows, func() error {
			var tenant string
			var first, next int64
			err := rows.Scan(&tenant, &first, &next)
			c.progress[tenant] = progress{tenant: tenant, terms: c.Tenants.Sampling(tenant), first: fromMS(first), next: fromMS(next)}
			return err
		})
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT COALESCE(max(at_ms), 0) FROM sampling_marks WHERE name = $1`, reasonsMark).Scan(&c.marked)
	})
}

// checkLots checks every lot of the day.
func (c *verifying) checkLots(ctx context.Context) error {
	stored := map[string]bool{}
	for _, l := range c.lots {
		stored[l.ID] = true
		for _, m := range l.members {
			c.inLots[sessionKey{l.Tenant, m.ID}] = true
		}
		c.out.Lots++
		c.out.Sessions += len(l.members)
	}
	for id, l := range c.told.closings {
		if c.concerns(l.Closing) && !stored[id] {
			c.problem("lot:"+id, "the evidence log has this lot of %s, and the store does not", path(l.Stratum))
		}
	}
	current, err := c.currentSessions(ctx)
	if err != nil {
		return err
	}
	for _, l := range c.lots {
		if err := c.checkLot(ctx, l, current); err != nil {
			return err
		}
	}
	return nil
}

// currentSessions reads what the warehouse now has of the day's sessions and of all members, and names
// sessions of the day that are in no lot.
func (c *verifying) currentSessions(ctx context.Context) (map[sessionKey]warehouse.ClosedSession, error) {
	out := map[sessionKey]warehouse.ClosedSession{}
	take := func(s warehouse.ClosedSession) error {
		out[sessionKey{s.Tenant, s.SessionID}] = s
		return nil
	}
	for tenant, p := range c.progress {
		if c.tenant != "" && c.tenant != tenant {
			continue
		}
		d := day{p.terms.Zone, c.day}
		if err := c.Record.Closed(ctx, warehouse.ClosedQuery{Tenant: tenant, From: d.begins().UnixMilli(), To: d.ends().UnixMilli()}, take); err != nil {
			return nil, err
		}
		var missing []string
		for _, l := range c.lots {
			for _, m := range l.members {
				if _, ok := out[sessionKey{tenant, m.ID}]; l.Tenant == tenant && !ok {
					missing = append(missing, m.ID)
				}
			}
		}
		if len(missing) > 0 {
			if err := c.Record.Closed(ctx, warehouse.ClosedQuery{Tenant: tenant, IDs: missing}, take); err != nil {
				return nil, err
			}
		}
		if err := c.nameAdditional(ctx, p, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// nameAdditional names the sessions that should be in a lot by now and are in none.
func (c *verifying) nameAdditional(ctx context.Context, p progress, current map[sessionKey]warehouse.ClosedSession) error {
	var unknown []string
	for key, s := range current {
		due := s.Closed >= p.first.UnixMilli() && s.Closed < p.next.UnixMilli() &&
			s.Recorded <= p.next.Add(-DefaultOverlap).UnixMilli() // what came later waits for the next lot
		if key.tenant == p.tenant && due && !c.inLots[key] {
			unknown = append(unknown, key.id)
		}
	}
	slices.Sort(unknown)
	return c.Store.Read(ctx, func(tx *store.Tx) error {
		lots, err := lotsOf(ctx, tx, p.tenant, unknown)
		if err != nil {
			return err
		}
		for _, id := range unknown {
			if lots[id] == "" {
				s := current[sessionKey{p.tenant, id}]
				c.problem("session:"+id, "the session of %s, closed at %s, is in no lot", path(stratumOf(s)), fromMS(s.Closed).Format(time.RFC3339))
			}
		}
		return nil
	})
}

// checkLot checks one lot against the log, the warehouse and its picks.
func (c *verifying) checkLot(ctx context.Context, l storedLot, current map[sessionKey]warehouse.ClosedSession) error {
	where := "lot:" + l.ID
	logged, ok := c.told.closings[l.ID]
	if !ok {
		c.problem(where, "the evidence log does not have this lot of %s", path(l.Stratum))
		return nil
	}
	if logged.Closing != l.Closing {
		c.problem(where, "the lot of %s is stored otherwise than the evidence log has it (entry %d)", path(l.Stratum), logged.index)
	}
	c.checkMembers(l, logged.Closing, current)
	checkpoint, ok := c.checkCheckpoint(l, logged)
	if !ok {
		return nil
	}
	key, ok, err := c.dayKey(ctx, l, checkpoint)
	if err != nil || !ok {
		return err
	}
	return c.checkDraw(ctx, l, key, checkpoint)
}

// checkMembers holds the lot's members against their root and against the warehouse.
func (c *verifying) checkMembers(l storedLot, logged Closing, current map[sessionKey]warehouse.ClosedSession) {
	where := "lot:" + l.ID
	if computed, err := root(l.members); err != nil || computed != logged.Root {
		c.problem(where, "the stored members of the lot are not those that the evidence log fixed")
	}
	size := 0
	for _, m := range l.members {
		if m.Reason == "" {
			size++
		}
		s, ok := current[sessionKey{l.Tenant, m.ID}]
		switch {
		case !ok:
			c.problem("session:"+m.ID, "the session is a member of lot %s and is not in the warehouse as a closed session of %s", l.ID, l.Tenant)
		case s.Closed != m.Closed:
			c.problem("session:"+m.ID, "the session was closed at %s when lot %s was closed, and is stored as closed at %s", stamp(m.Closed), l.ID, stamp(s.Closed))
		case stratumOf(s) != l.Stratum:
			c.problem("session:"+m.ID, "the session was of %s when lot %s was closed, and is stored as of %s", path(l.Stratum), l.ID, path(stratumOf(s)))
		}
	}
	if len(l.members) != l.Sessions || size != l.Size {
		c.problem(where, "the lot has %d members, %d of them to draw from; it says %d and %d", len(l.members), size, l.Sessions, l.Size)
	}
}

func stamp(at int64) string { return fromMS(at).Format("2006-01-02T15:04:05.000Z") }

// checkCheckpoint checks that the draw's checkpoint is a true one of this log, from before the lot's
// own entry.
func (c *verifying) checkCheckpoint(l storedLot, logged closingEntry) (evidence.Checkpoint, bool) {
	where := "lot:" + l.ID
	p, err := c.Log.Parse(l.checkpoint)
	if err != nil {
		c.problem(where, "the checkpoint of the draw is not signed by this log: %v", err)
		return p, false
	}
	if p.Size != logged.LogSize || p.Size > logged.index {
		c.problem(where, "the checkpoint of the draw is of size %d; the lot says %d and is entry %d", p.Size, logged.LogSize, logged.index)
		return p, false
	}
	if computed := c.told.roots[p.Size]; computed != hex.EncodeToString(p.Root) {
		c.problem(where, "the checkpoint of the draw does not cover the entries that the log holds")
		return p, false
	}
	return p, true
}

// dayKey returns the key of a lot's day, checked against what the log says of it.
func (c *verifying) dayKey(ctx context.Context, l storedLot, checkpoint evidence.Checkpoint) ([]byte, bool, error) {
	zone := c.Tenants.Sampling(l.Tenant).Zone
	d := day{zone, l.Day}
	where := "key:" + d.key()
	if zone.String() != l.Zone {
		c.problem("lot:"+l.ID, "the lot is of a day in zone %s, and the tenant's zone is %s", l.Zone, zone)
		return nil, false, nil
	}
	committed, ok := c.told.committed[d.key()]
	if !ok {
		c.problem(where, "nobody committed to the key of this day")
		return nil, false, nil
	}
	if committed.index >= checkpoint.Size {
		c.problem(where, "the key was committed to (entry %d) after lot %s was drawn (size %d)", committed.index, l.ID, checkpoint.Size)
		return nil, false, nil
	}
	switch {
	case committed.Late:
		c.note("The key of %s in %s was committed to at %s, when the day had begun, and the log says so.", l.Day, l.Zone, committed.at.In(zone).Format(time.RFC3339))
	case committed.at.After(d.begins()):
		c.problem(where, "the key was committed to at %s, after the day began, and the log does not say so", committed.at.Format(time.RFC3339))
	}
	text, published := c.told.published[d.key()]
	if !published {
		err := c.Store.Read(ctx, func(tx *store.Tx) error {
			return tx.QueryRowContext(ctx, `SELECT secret FROM sampling_keys WHERE zone = $1 AND day = $2`, l.Zone, l.Day).Scan(&text)
		})
		if err != nil {
			return nil, false, fmt.Errorf("key of %s: %w", l.Day, err)
		}
		c.note("The key of %s in %s is not published yet: only who has the store can check its draws.", l.Day, l.Zone)
	}
	key, err := hex.DecodeString(text)
	sum := sha256.Sum256(key)
	if err != nil || hex.EncodeToString(sum[:]) != committed.Digest {
		c.problem(where, "the key is not the one that was committed to")
		return nil, false, nil
	}
	return key, true, nil
}

// checkDraw draws again and names every difference.
func (c *verifying) checkDraw(ctx context.Context, l storedLot, key []byte, checkpoint evidence.Checkpoint) error {
	var rest []string
	for _, m := range l.members {
		if m.Reason == "" {
			rest = append(rest, m.ID)
		}
	}
	want := map[string]bool{}
	for _, id := range Draw(key, checkpoint.Body, rest, l.Plan.N) {
		want[id] = true
	}
	var picks []Pick
	err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
		picks, err = picksOf(ctx, tx, `lot_id = $1`, l.ID)
		return err
	})
	if err != nil {
		return err
	}
	got := map[string]bool{}
	for _, p := range picks {
		got[p.SessionID] = true
		switch {
		case !want[p.SessionID]:
			c.problem("pick:"+p.ID, "session %s was picked in lot %s, and the draw does not give it", p.SessionID, l.ID)
		case p.ID != sampleID(l.Tenant, p.SessionID):
			c.problem("pick:"+p.ID, "the pick of session %s in lot %s has the wrong id", p.SessionID, l.ID)
		}
	}
	for id := range want {
		if !got[id] {
			c.problem("session:"+id, "the draw of lot %s gives this session, and it was not picked", l.ID)
		}
	}
	c.out.Picks += len(picks)
	return nil
}

// String is the answer as a person reads it.
func (v *Verification) String() string {
	var b strings.Builder
	if v.OK {
		fmt.Fprintf(&b, "The sampling of %s is as it must be: %d lots, %d sessions, %d picks; every draw is the one that is stored.\n", v.Day, v.Lots, v.Sessions, v.Picks)
	} else {
		fmt.Fprintf(&b, "The sampling of %s is NOT as it must be (%d lots, %d sessions, %d picks):\n", v.Day, v.Lots, v.Sessions, v.Picks)
	}
	for _, p := range v.Problems {
		fmt.Fprintf(&b, "  %s: %s\n", p.Where, p.What)
	}
	for _, n := range v.Notes {
		fmt.Fprintf(&b, "Note: %s\n", n)
	}
	return b.String()
}
