package cases

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"mingjian/audit/identity"
	"mingjian/audit/store"
)

// errUnchanged ends a transaction that has nothing to write.
var errUnchanged = errors.New("nothing to change")

// doing is one action on a case, in the transaction that does it.
type doing struct {
	*Case
	ctx     context.Context
	tx      *store.Tx
	who     identity.Principal
	version int64 // as it was read by who acts
	c       *Cases
}

// act does something to a case that the principal in ctx may see: by the table, in one transaction,
// with everything that has to be told of it. fn may return errUnchanged. What it refuses is recorded
// where it matters, with note.
func (c *Cases) act(ctx context.Context, id string, a Action, version int64, note map[string]any, fn func(d *doing) error) (k Case, err error) {
	who, ok := identity.From(ctx)
	if !ok {
		return Case{}, errNobody
	}
	err = c.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := c.view(ctx, tx, id); err != nil { // whether it may be seen at all
			return err
		}
		locked, err := c.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		k = locked
		return fn(&doing{Case: &k, ctx: ctx, tx: tx, who: who, version: version, c: c})
	})
	if errors.Is(err, errUnchanged) {
		f, err := c.Get(ctx, id)
		return f.Case, err
	}
	if err != nil {
		return Case{}, c.journal(ctx, "case:"+id, a, err, note)
	}
	return k, nil
}

// allowed refuses what the table, the person or the version does not allow.
func (d *doing) allowed(a Action) error {
	if err := may(*d.Case, a, d.who); err != nil {
		return err
	}
	if d.Version != d.version {
		return conflict(*d.Case, "this is version %d of the case, and you have read version %d; read it again and repeat what you did if it still holds", d.Version, d.version)
	}
	return nil
}

// move takes the case along the table and tells of it.
func (d *doing) move(a Action, to State, reason string, note map[string]any) error {
	from := d.State
	if !leads(from, a, to) {
		return fmt.Errorf("case %s: no way leads from %s by %s to %s", d.ID, from, a, to) // a defect of ours
	}
	now := d.c.db.Now()
	d.Version++
	d.change++ // two moves in one transaction are two versions of the mirror's row, of which the later one counts
	d.State, d.ChangedAt = to, now
	d.Deadlines.meet(to, now)
	if err := save(d.ctx, d.tx, *d.Case); err != nil {
		return err
	}
	return d.c.tell(d.ctx, d.tx, *d.Case, "case."+past[a], Step{Action: a, From: from, To: to, Reason: reason, Note: note})
}

// past are the journal's words for what was done.
var past = map[Action]string{
	TakeUp: "opened", Assess: "assessed", Propose: "proposed", Approve: "approved", Reject: "rejected",
	Pay: "ordered", Confirm: "confirmed", Close: "closed", Appeal: "appealed",
}

// kept is a text as both engines keep it: PostgreSQL takes no NUL.
func kept(text string) string { return strings.ReplaceAll(text, "\x00", "") }

// worded wants 1 to MaxReason characters.
func worded(field, text string) (string, error) {
	text = strings.TrimSpace(kept(text))
	if n := utf8.RuneCountInString(text); n == 0 || n > MaxReason {
		return "", &Fault{field, fmt.Sprintf("say it in 1 to %d characters (this has %d)", MaxReason, n)}
	}
	return text, nil
}

// TakeUp opens a candidate: answer is what the customer is told first.
func (c *Cases) TakeUp(ctx context.Context, id string, version int64, answer string) (Case, error) {
	answer, err := worded("answer", answer)
	if err != nil {
		return Case{}, err
	}
	return c.act(ctx, id, TakeUp, version, nil, func(d *doing) error {
		if err := d.allowed(TakeUp); err != nil {
			return err
		}
		d.Answer = answer
		return d.move(TakeUp, Open, answer, nil)
	})
}

// Close ends a case that was paid.
func (c *Cases) Close(ctx context.Context, id string, version int64, reason string) (Case, error) {
	reason, err := worded("reason", reason)
	if err != nil {
		return Case{}, err
	}
	return c.act(ctx, id, Close, version, nil, func(d *doing) error {
		if err := d.allowed(Close); err != nil {
			return err
		}
		return d.move(Close, Closed, reason, nil)
	})
}

// Reject ends a case for which nothing is owed. What was set aside for it is free again.
func (c *Cases) Reject(ctx context.Context, id string, version int64, reason string) (Case, error) {
	reason, err := worded("reason", reason)
	if err != nil {
		return Case{}, err
	}
	return c.act(ctx, id, Reject, version, nil, func(d *doing) error {
		if err := d.allowed(Reject); err != nil {
			return err
		}
		if err := d.release(); err != nil {
			return err
		}
		d.decide(Ruling{Action: Reject, Reason: reason})
		return d.move(Reject, Rejected, reason, nil)
	})
}

// Appeal is filed for the customer, in their words. The case is decided anew, by others, in a new round
// with deadlines of its own.
func (c *Cases) Appeal(ctx context.Context, id string, version int64, words string) (Case, error) {
	words, err := worded("words", words)
	if err != nil {
		return Case{}, err
	}
	return c.act(ctx, id, Appeal, version, nil, func(d *doing) error {
		if err := d.allowed(Appeal); err != nil {
			return err
		}
		if err := d.release(); err != nil {
			return err
		}
		d.Round++
		d.Appeal, d.Answer, d.Proposal, d.Escalation = words, "", nil, 0
		d.Deadlines = c.deadlines(c.db.Now())
		return d.move(Appeal, Appealed, words, map[string]any{"round": d.Round})
	})
}

// decide writes down a person's part in the decision.
func (d *doing) decide(v Ruling) {
	v.Round, v.By, v.At, v.Version = d.Round, d.who.ID, d.c.db.Now(), d.version
	d.Decisions = append(d.Decisions, v)
}

// release gives back what is set aside.
func (d *doing) release() error {
	if d.State != Approved {
		return nil
	}
	if err := d.c.o.Fund.Release(d.ctx, d.tx, d.ID); err != nil {
		return refused(*d.Case, err)
	}
	return nil
}
