package review

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/store"
)

// person is who acts: the principal with what the roster knows of them.
type person struct {
	identity.Principal
	member   Member
	oversees bool // sees everybody's reviews: supervisors and the reviewed side
	decides  bool // may adjudicate and decide disputes
}

func (r *Reviews) person(ctx context.Context) (person, error) {
	who, ok := identity.From(ctx)
	if !ok {
		return person{}, errNobody
	}
	decides := who.May(identity.DecideReviews)
	oversees := decides || who.May(identity.SuperviseReviews) || who.May(identity.DisputeReviews)
	return person{who, r.teams.Member(who.ID), oversees, decides}, nil
}

// ofTenant cuts to what belongs to the person's tenants and business lines.
func (w *where) ofTenant(who person) {
	w.in("tenant", who.Tenants)
	w.in("business_line", who.Lines)
}

// visible cuts to what a person may see: an inspector what they have claimed at some time, and what
// they may claim once nobody holds it, of a blind pair the first half for as long as that is to do.
func (w *where) visible(who person) {
	w.ofTenant(who)
	if who.oversees {
		return
	}
	w.either(
		func(w *where) {
			w.add("EXISTS (SELECT 1 FROM review_seen s WHERE s.tenant = reviews.tenant AND s.session_id = reviews.session_id AND s.inspector = ? AND s.task_id = reviews.id)", who.ID)
		},
		func(w *where) {
			w.add("state IN ('open', 'claimed')")
			w.suits(who)
			// Whoever saw both halves of a pair beside each other would know that it is one.
			w.add("(kind <> 'blind_second' OR assignee = ? OR NOT EXISTS (SELECT 1 FROM reviews f WHERE f.id = reviews.pair_id AND f.state IN ('open', 'claimed')))", who.ID)
		})
}

// suits cuts to what a person may claim by kind, skill, and what they have not seen.
func (w *where) suits(who person) {
	w.add("(assignee = '' OR assignee = ?)", who.ID)
	if !who.decides {
		w.add("kind <> 'adjudication'")
	}
	if len(who.member.Languages)+len(who.member.BusinessLines) > 0 {
		w.either(
			func(w *where) { w.add("assignee = ?", who.ID) }, // by name: whatever their skills
			func(w *where) {
				w.in("language", withUnknown(who.member.Languages))
				w.in("business_line", who.member.BusinessLines)
			})
	}
	w.add("NOT EXISTS (SELECT 1 FROM review_seen s WHERE s.tenant = reviews.tenant AND s.session_id = reviews.session_id AND s.inspector = ? AND s.task_id <> reviews.id)", who.ID)
}

// withUnknown lets conversations through whose language nobody knows.
func withUnknown(languages []string) []string {
	if len(languages) == 0 {
		return nil
	}
	return append([]string{""}, languages...)
}

// sealed reports whether a task's verdict is not to be known yet: its pair is not decided.
func (t *Task) sealed() bool {
	return t.PairID != "" && t.Kind != Adjudication && t.settled.IsZero()
}

// expired reports whether a claim ran out.
func (t *Task) expired(now time.Time) bool { return t.State == Claimed && !t.ClaimUntil.After(now) }

// disguised are the kinds that an inspector sees as what is reviewed once: a sample where the task has
// a lot, as every sample has, and mandatory where it has none.
var disguised = []Kind{BlindSecond, Calibration}

// shownKind is a task's kind as an inspector sees it, for a query.
const shownKind = `CASE WHEN kind NOT IN ('blind_second', 'calibration') THEN kind WHEN lot_id <> '' THEN 'sample' ELSE 'mandatory' END`

// shownKind is a task's kind as an inspector sees it.
func (t *Task) shownKind() Kind {
	switch {
	case !slices.Contains(disguised, t.Kind):
		return t.Kind
	case t.LotID != "":
		return Sample
	}
	return Mandatory
}

// kinds filters by kind as the person knows it.
func (w *where) kinds(who person, list []Kind) {
	if who.oversees {
		w.in("kind", texts(list))
		return
	}
	w.in(shownKind, texts(list))
}

// as cuts a task to what a person may see of it.
func (r *Reviews) as(who person, t Task) Task {
	mine := t.Inspector == who.ID
	if !mine && (t.sealed() || !who.oversees) {
		t.Verdict, t.Outcome, t.defective = nil, nil, false
	}
	if t.expired(r.db.Now()) {
		t.State, t.Inspector, t.ClaimedAt, t.ClaimUntil = Open, "", time.Time{}, time.Time{}
	}
	if t.State == Submitted && t.Kind.primary() && !t.settled.IsZero() {
		t.DisputeUntil = t.settled.Add(r.o.DisputeWindow)
	}
	// Whoever knows that a review is compared with another works differently.
	if !who.oversees && slices.Contains(disguised, t.Kind) {
		t.Kind, t.Assignee = t.shownKind(), ""
	}
	if t.sealed() || !who.oversees {
		t.PairID = ""
	}
	if !who.oversees {
		t.SetID = ""
	}
	return t
}

// view reads a task as a person may see it, with their draft and the verdicts it is compared with.
func (r *Reviews) view(ctx context.Context, tx *store.Tx, id string) (Task, error) {
	who, err := r.person(ctx)
	if err != nil {
		return Task{}, err
	}
	var w where
	w.add("id = ?", id)
	w.visible(who)
	found, err := selectTasks(ctx, tx, w, "id", 1)
	if err != nil {
		return Task{}, err
	}
	if len(found) == 0 {
		return Task{}, ErrNotFound
	}
	t := found[0]
	holds := t.Inspector == who.ID && !t.expired(r.db.Now())
	var others []Verdict
	if t.PairID != "" && (t.Kind == Adjudication && (holds || who.oversees && t.State == Final) || t.Kind != Adjudication && !t.sealed() && (holds || who.oversees)) {
		if others, err = otherVerdicts(ctx, tx, t); err != nil {
			return Task{}, err
		}
	}
	t = r.as(who, t)
	t.Others = others
	var draft []string
	if draft, err = collect(ctx, tx, scanText, `SELECT draft FROM review_drafts WHERE task_id = $1 AND inspector = $2`, id, who.ID); err != nil {
		return Task{}, err
	}
	if len(draft) == 1 && (t.State == Open || t.State == Claimed) {
		t.Draft = json.RawMessage(draft[0])
	}
	return t, nil
}

// otherVerdicts are the verdicts of the same pair, without the task's own.
func otherVerdicts(ctx context.Context, tx *store.Tx, t Task) (out []Verdict, err error) {
	var w where
	w.add("pair_id = ?", t.PairID)
	w.add("id <> ?", t.ID)
	tasks, err := selectTasks(ctx, tx, w, "id", 0)
	for _, o := range tasks {
		if o.Verdict != nil {
			out = append(out, *o.Verdict)
		}
	}
	return out, err
}

func scanText(row interface{ Scan(...any) error }) (s string, err error) {
	return s, row.Scan(&s)
}
