package review

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"mingjian/audit/store"
)

// Kind is why there is a task.
type Kind string

// The kinds. Only the first three are opened from outside; they carry the session's outcome and the
// promise of 48 hours.
const (
	Mandatory    Kind = "mandatory"    // a critical finding, a complaint, a reported misjudgement
	Sample       Kind = "sample"       // drawn from a lot
	Systemic     Kind = "systemic"     // one for a bot version and day
	BlindSecond  Kind = "blind_second" // the second, blind review of one of the above
	Adjudication Kind = "adjudication" // decides where the two differ
	Calibration  Kind = "calibration"  // an inspector's answer held against an expert's
)

// primary are the kinds that are opened from outside.
var primary = []Kind{Mandatory, Sample, Systemic}

func (k Kind) primary() bool { return slices.Contains(primary, k) }

// State is how far a task is.
type State string

// The states, in their order.
const (
	Open      State = "open"
	Claimed   State = "claimed"
	Submitted State = "submitted"
	Disputed  State = "disputed"
	Decided   State = "decided"
	Final     State = "final"
)

// NewTask is what sampling asks to have reviewed.
type NewTask struct {
	// Key makes tasks the same: opening one that exists changes nothing. Empty, it is the session
	// in its lot; a systemic task gives rule, bot version and day.
	Key string

	Tenant, BusinessLine, Channel, BotVersion, Jurisdiction string

	Language  string // BCP 47, "" where unknown
	SessionID string
	LotID     string // "" outside a lot
	Kind      Kind   // Mandatory, Sample or Systemic
	Reason    string // for people: which rule, complaint or lot
	ClosedAt  time.Time
	ReasonAt  time.Time // the event that made it mandatory; zero where there is none
}

// Due is 48 hours after the later of closing and reason. Nothing stops these hours: no weekend, no
// holiday, no dispute.
func (n NewTask) Due() time.Time {
	from := n.ClosedAt
	if n.ReasonAt.After(from) {
		from = n.ReasonAt
	}
	return from.Add(DueAfter)
}

// ID is the task's, the same whenever the same is asked for.
func (n NewTask) ID() string {
	if n.Key != "" {
		return taskID(n.Tenant, string(n.Kind), "key", n.Key)
	}
	return taskID(n.Tenant, string(n.Kind), "session", n.SessionID, n.LotID)
}

// taskID digests what makes a task itself. The lengths keep ("a", "bc") and ("ab", "c") apart.
func taskID(parts ...string) string {
	h := sha256.New()
	for _, s := range parts {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return "rev-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// Task is one review to do or done, as the one who asks may see it.
type Task struct {
	ID           string          `json:"task_id"`
	Version      int64           `json:"version" doc:"Send it back with every change; a change of somebody else's raises it"`
	Tenant       string          `json:"tenant"`
	BusinessLine string          `json:"business_line"`
	Channel      string          `json:"channel"`
	BotVersion   string          `json:"bot_version"`
	Jurisdiction string          `json:"jurisdiction"`
	Language     string          `json:"language"`
	SessionID    string          `json:"session_id"`
	LotID        string          `json:"lot_id,omitempty"`
	Kind         Kind            `json:"kind" doc:"mandatory, sample, systemic, blind_second, adjudication or calibration. An inspector sees a blind second and a calibration as what they look like: a sample, or mandatory outside a lot"`
	Reason       string          `json:"reason"`
	Card         CardRef         `json:"card" doc:"The score card that a verdict answers"`
	PairID       string          `json:"pair_id,omitempty" doc:"The first task of a blind pair; shown once both are in"`
	SetID        string          `json:"set_id,omitempty" doc:"The calibration set"`
	Assignee     string          `json:"assignee,omitempty" doc:"Who alone may claim it"`
	ClosedAt     time.Time       `json:"closed_at"`
	ReasonAt     time.Time       `json:"reason_at,omitzero"`
	OpenedAt     time.Time       `json:"opened_at"`
	Due          time.Time       `json:"due" doc:"48 hours after the later of closing and reason; these hours never stop"`
	State        State           `json:"state" enum:"open,claimed,submitted,disputed,decided,final"`
	Inspector    string          `json:"inspector,omitempty" doc:"Who holds it or has reviewed it"`
	ClaimedAt    time.Time       `json:"claimed_at,omitzero"`
	ClaimUntil   time.Time       `json:"claim_until,omitzero" doc:"When the claim runs out unless a draft is saved"`
	SubmittedAt  time.Time       `json:"submitted_at,omitzero"`
	DisputeUntil time.Time       `json:"dispute_until,omitzero" doc:"When the verdict becomes final unless it is disputed"`
	FinalAt      time.Time       `json:"final_at,omitzero"`
	Escalation   int             `json:"escalation" doc:"0, or the highest level reached: 1 after 24 hours, 2 after 40, 3 after 48"`
	Verdict      *Verdict        `json:"verdict,omitempty" doc:"The inspector's"`
	Outcome      *Verdict        `json:"outcome,omitempty" doc:"The verdict that counts, where somebody decided otherwise"`
	Dispute      *Dispute        `json:"dispute,omitempty"`
	Decision     *Decision       `json:"decision,omitempty"`
	Draft        json.RawMessage `json:"draft,omitempty" doc:"What the one who asks has saved and not submitted"`
	Others       []Verdict       `json:"others,omitempty" doc:"For the adjudicator: the two verdicts that differ"`

	change    int64
	settled   time.Time // since when the verdict stands and may be disputed
	digest    string
	defective bool
}

// Counts is the verdict that counts: the outcome, or else the inspector's own. Nil before there is one.
func (t *Task) Counts() *Verdict {
	if t.Outcome != nil {
		return t.Outcome
	}
	return t.Verdict
}

// subject names the task in the journal.
func (t *Task) subject() string { return "review:" + t.ID }

// Open opens tasks in the caller's transaction. A task that was opened before stays as it is.
func (r *Reviews) Open(ctx context.Context, tx *store.Tx, tasks []NewTask) error {
	for i, n := range tasks {
		if !n.Kind.primary() || n.Tenant == "" || n.SessionID == "" || n.ClosedAt.IsZero() && n.ReasonAt.IsZero() {
			return fmt.Errorf("open review %d of session %q: it needs a tenant, a session, a kind out of %v, and when the session closed", i, n.SessionID, primary)
		}
		card := r.cards.For(n.Channel, n.BusinessLine)
		t := Task{
			ID: n.ID(), Tenant: n.Tenant, BusinessLine: n.BusinessLine, Channel: n.Channel, BotVersion: n.BotVersion,
			Jurisdiction: n.Jurisdiction, Language: n.Language, SessionID: n.SessionID, LotID: n.LotID, Kind: n.Kind, Reason: n.Reason,
			Card: CardRef{card.ID, card.Version}, ClosedAt: n.ClosedAt, ReasonAt: n.ReasonAt, Due: n.Due(),
		}
		twice := r.reviewedTwice(t.ID)
		if twice {
			t.PairID = t.ID
		}
		opened, err := r.insert(ctx, tx, t)
		if err != nil {
			return err
		}
		if opened && twice {
			if err := r.openSecond(ctx, tx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// Missing returns those of some task ids that no task has.
func (r *Reviews) Missing(ctx context.Context, ids []string) (missing []string, err error) {
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			var found string
			switch err := tx.QueryRowContext(ctx, `SELECT id FROM reviews WHERE id = $1`, id).Scan(&found); {
			case errors.Is(err, sql.ErrNoRows):
				missing = append(missing, id)
			case err != nil:
				return fmt.Errorf("read review %s: %w", id, err)
			}
		}
		return nil
	})
	return missing, err
}

// insert writes a new task, its journal line and its mirror row. opened is false where it exists.
func (r *Reviews) insert(ctx context.Context, tx *store.Tx, t Task) (opened bool, err error) {
	t.Version, t.change, t.State, t.OpenedAt = 1, 1, Open, r.db.Now()
	opened, err = insertTask(ctx, tx, t)
	if err != nil || !opened {
		return false, err
	}
	return true, r.announce(ctx, tx, t, "review.opened", t.Reason, map[string]any{"kind": t.Kind, "session_id": t.SessionID, "due": t.Due})
}

// Get returns a task as the principal in ctx may see it.
func (r *Reviews) Get(ctx context.Context, id string) (t Task, err error) {
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		var err error
		t, err = r.view(ctx, tx, id)
		return err
	})
	return t, err
}

// Query filters tasks; empty fields do not filter. Times are [From, To) of the opening.
type Query struct {
	From, To               time.Time
	DueBefore              time.Time
	Tenant, Session, LotID string
	Inspector              string
	States                 []State
	Kinds                  []Kind
	Overdue                bool   // not submitted by its due time
	Limit                  int    // 1–500
	Cursor                 string // Page.Next of the page before
	ByDue                  bool   // soonest due first instead of newest first
}

// Page is newest first, or soonest due first; Next is "" on the last page.
type Page struct {
	Items []Task
	Next  string
}

// List returns the tasks that the principal in ctx may see, without drafts.
func (r *Reviews) List(ctx context.Context, q Query) (page Page, err error) {
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		who, err := r.person(ctx)
		if err != nil {
			return err
		}
		var w where
		w.visible(who)
		now := r.db.Now()
		w.equal("tenant", q.Tenant)
		w.equal("session_id", q.Session)
		w.equal("lot_id", q.LotID)
		w.equal("inspector", q.Inspector)
		w.in("state", texts(q.States))
		w.kinds(who, q.Kinds)
		if !q.From.IsZero() {
			w.add("opened_ms >= ?", q.From.UnixMilli())
		}
		if !q.To.IsZero() {
			w.add("opened_ms < ?", q.To.UnixMilli())
		}
		if !q.DueBefore.IsZero() {
			w.add("due_ms < ?", q.DueBefore.UnixMilli())
		}
		if q.Overdue {
			w.add("state IN ('open', 'claimed') AND due_ms <= ?", now.UnixMilli())
		}
		order := "opened_ms DESC, id DESC"
		if q.ByDue {
			order = "due_ms, id"
		}
		if q.Cursor != "" {
			at, id, ok := cutCursor(q.Cursor)
			if !ok {
				return fault("cursor", "take it unchanged from next_cursor of the page before, or leave it out")
			}
			if q.ByDue {
				w.add("(due_ms > ? OR (due_ms = ? AND id > ?))", at, at, id)
			} else {
				w.add("(opened_ms < ? OR (opened_ms = ? AND id < ?))", at, at, id)
			}
		}
		tasks, err := selectTasks(ctx, tx, w, order, q.Limit+1)
		if err != nil {
			return err
		}
		if len(tasks) > q.Limit {
			tasks = tasks[:q.Limit]
			last := tasks[q.Limit-1]
			at := last.OpenedAt
			if q.ByDue {
				at = last.Due
			}
			page.Next = strconv.FormatInt(at.UnixMilli(), 10) + "_" + last.ID
		}
		for _, t := range tasks {
			page.Items = append(page.Items, r.as(who, t))
		}
		return nil
	})
	return page, err
}
