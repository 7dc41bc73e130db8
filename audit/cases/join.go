package cases

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"mingjian/audit/store"
	"mingjian/policies"
)

// told is what a source tells: the source with what makes a case of it.
type told struct {
	Source
	tenant, session, customer string
	line                      string // business line of the session
	findingID                 string // "" where it speaks of the session as a whole
	kind                      string // one of Kinds
	claimed                   *policies.Money
	actor                     string // who brought it here
}

// origin is the table of ids that the source's ref is from.
func (t told) origin() string {
	switch t.Kind {
	case FromFinding, FromAlert:
		return string(t.Kind)
	}
	return "event" // a report by hand comes back through the record as an event
}

// idOf makes ids of the same things the same. The lengths keep ("a", "bc") and ("ab", "c") apart.
func idOf(parts ...string) string {
	h := sha256.New()
	for _, s := range parts {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return "case-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// caseID is the case's that a source begins. A report's own id is that already.
func (t told) caseID() string {
	if t.Kind == FromReport {
		return t.Ref
	}
	return idOf(t.tenant, t.session, t.origin(), t.Ref)
}

// joining is what became of a source.
type joining string

const (
	began     joining = "opened"    // it is the first of a case
	joined    joining = "joined"    // one more of a case that stands, or one that had ended and stands again
	ended     joining = "ended"     // withdrawn or resolved
	unchanged joining = "unchanged" // known as it is
)

// join puts a source to the case of its session and customer, or begins one. Another case begins only
// where the earlier one had ended before the source's moment and the source is about a finding that
// the earlier one did not have. A source that is known already changes nothing but whether it ended.
func (c *Cases) join(ctx context.Context, tx *store.Tx, t told) (Case, joining, error) {
	now := c.db.Now()
	if _, err := tx.ExecContext(ctx, `INSERT INTO case_sessions (tenant, session_id, at_ms) VALUES ($1, $2, $3)
		ON CONFLICT (tenant, session_id) DO UPDATE SET at_ms = excluded.at_ms`, t.tenant, t.session, now.UnixMilli()); err != nil {
		return Case{}, "", fmt.Errorf("join a case: %w", err)
	}
	known, before, err := sourceOf(ctx, tx, t)
	if err != nil {
		return Case{}, "", err
	}
	if known != "" {
		if before == t.Ended {
			k, err := c.read(ctx, tx, known)
			return k, unchanged, err
		}
		return c.end(ctx, tx, known, t)
	}
	if t.Ended != "" {
		return Case{}, unchanged, nil // it ended before anybody heard of it
	}
	earlier, err := c.earlier(ctx, tx, t)
	if err != nil {
		return Case{}, "", err
	}
	if earlier == "" {
		return c.begin(ctx, tx, t)
	}
	k, err := c.lock(ctx, tx, earlier)
	if err != nil {
		return Case{}, "", err
	}
	if t.another(k) { // somebody ended it since it was looked for
		return c.begin(ctx, tx, t)
	}
	if k.Customer == "" {
		k.Customer = t.customer
	}
	if k.line == "" {
		k.line = t.line
	}
	k.add(t)
	if err := addSource(ctx, tx, k.ID, t, now); err != nil {
		return Case{}, "", err
	}
	if err := save(ctx, tx, k); err != nil {
		return Case{}, "", err
	}
	return k, joined, c.tell(ctx, tx, k, "case.joined", t.step(Joined, k))
}

// sourceOf is the case that has a source already, and how the source stands there.
func sourceOf(ctx context.Context, tx *store.Tx, t told) (caseID, ended string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT case_id, ended FROM case_sources WHERE origin = $1 AND tenant = $2 AND session_id = $3 AND ref = $4`,
		t.origin(), t.tenant, t.session, t.Ref).Scan(&caseID, &ended)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	if err != nil {
		err = fmt.Errorf("read the sources of cases: %w", err)
	}
	return caseID, ended, err
}

// earlier is the case that a new source joins, "" where it begins one.
func (c *Cases) earlier(ctx context.Context, tx *store.Tx, t told) (string, error) {
	of, err := collect(ctx, tx, c.scan, `SELECT `+columns+` FROM cases WHERE tenant = $1 AND session_id = $2 ORDER BY at_ms DESC, id`, t.tenant, t.session)
	if err != nil {
		return "", err
	}
	for _, k := range of {
		if !t.another(k) {
			return k.ID, nil
		}
	}
	return "", nil
}

// another reports whether a source is about another wrong than a case of the same session: another
// customer's, or a finding that the case did not have, after the case had ended.
func (t told) another(k Case) bool {
	if k.Customer != "" && t.customer != "" && k.Customer != t.customer {
		return true
	}
	return k.State.ended() && t.findingID != "" && !slices.Contains(k.Findings, t.findingID) && t.At.After(k.ChangedAt)
}

// begin opens a candidate.
func (c *Cases) begin(ctx context.Context, tx *store.Tx, t told) (Case, joining, error) {
	now := c.db.Now()
	k := Case{
		ID: t.caseID(), Version: 1, change: 1, Tenant: t.tenant, SessionID: t.session, Customer: t.customer, FindingID: t.findingID,
		State: Candidate, Kind: t.kind, Reason: t.Words, Reporter: t.By, At: now, ChangedAt: now, Round: 1, Deadlines: c.deadlines(now), line: t.line,
	}
	k.add(t)
	ok, err := insert(ctx, tx, k)
	if err == nil && !ok {
		err = fmt.Errorf("case %s exists without its source", k.ID)
	}
	if err != nil {
		return Case{}, "", err
	}
	if err := addSource(ctx, tx, k.ID, t, now); err != nil {
		return Case{}, "", err
	}
	action := "case.began"
	if t.Kind == FromReport {
		action = "case.reported"
	}
	step := t.step(Began, k)
	step.From = ""
	return k, began, c.tell(ctx, tx, k, action, step)
}

// end notes that a source ended, or stands again. The case goes on: a person decides what it means.
func (c *Cases) end(ctx context.Context, tx *store.Tx, known string, t told) (Case, joining, error) {
	k, err := c.lock(ctx, tx, known)
	if err != nil {
		return Case{}, "", err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE case_sources SET ended = $1 WHERE origin = $2 AND tenant = $3 AND session_id = $4 AND ref = $5`,
		t.Ended, t.origin(), t.tenant, t.session, t.Ref); err != nil {
		return Case{}, "", fmt.Errorf("read the sources of cases: %w", err)
	}
	action, how, what, journal := Ended, ended, string(t.Kind)+" "+t.Ended, "case.source_ended"
	if t.Ended == "" {
		action, how, what, journal = Joined, joined, string(t.Kind)+" stands again", "case.joined"
	}
	step := t.step(action, k)
	step.Reason = what
	return k, how, c.tell(ctx, tx, k, journal, step)
}

// add takes what a source says into the case.
func (k *Case) add(t told) {
	if t.findingID != "" && !slices.Contains(k.Findings, t.findingID) {
		k.Findings = append(k.Findings, t.findingID)
	}
	if t.Rule != "" && !slices.Contains(k.Rules, t.Rule) {
		k.Rules = append(k.Rules, t.Rule)
	}
	if k.Claimed == nil {
		k.Claimed = t.claimed
	}
}

// step is what a source did to a case.
func (t told) step(a Action, k Case) Step {
	note := map[string]any{"source": t.Kind, "ref": t.Ref}
	if t.Rule != "" {
		note["rule"] = t.Rule
	}
	return Step{Action: a, From: k.State, To: k.State, Actor: t.actor, Reason: t.Words, Note: note}
}
