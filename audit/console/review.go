package console

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/collector/warehouse"
)

// reviewBody is one review: the conversation with its findings, the card, and what is to be done.
type reviewBody struct {
	Task     review.Task
	Card     *review.Card
	Left     left
	Why      template.HTML // of the review; "" for a sample
	Session  sessionBody
	Missing  bool // the session is not in the record
	Form     *verdictForm
	Columns  []verdictColumn // verdicts side by side
	Rows     []verdictRow
	Problem  string // key of what went wrong; "" for nothing
	Detail   string // the service's own words for it, in English
	Said     string // key of what just happened
	About    string
	Claim    bool // it can be claimed by whoever reads it
	Mine     bool
	Dispute  bool
	Decide   bool
	Move     bool
	Who      string // id of the reader: what a browser keeps is theirs
	Typed    typed  // what was sent and not taken
	Lost     string // the sentences among it, where there is no form any more to send them with
	MaxWords int
}

// verdictColumn is one verdict among those that are shown side by side.
type verdictColumn struct {
	Key string // of its heading: verdict, outcome, other
	review.Verdict
}

// verdictRow is one criterion across the columns.
type verdictRow struct {
	review.Criterion
	Ratings []review.Rating
	Differ  bool
}

// pageState is what a page shows beside the review itself after somebody sent something.
type pageState struct {
	typed   typed             // as it was sent
	verdict bool              // it is a verdict, and stands in the form instead of the draft
	faults  map[string]string // by anchor: key of what is wrong
	problem string
	detail  string
}

func (c *Console) review(w http.ResponseWriter, r *http.Request) {
	c.showReview(w, r, http.StatusOK, pageState{})
}

// backToReview answers an address that a form was sent to when somebody opens it.
func (c *Console) backToReview(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, reviewHref(r.PathValue("id"), "lang", r.URL.Query().Get("lang")), http.StatusSeeOther)
}

// saids are what a review's page can say has just happened.
var saids = []string{"submitted", "saved", "released", "disputed", "decided", "moved"}

func (c *Console) showReview(w http.ResponseWriter, r *http.Request, status int, state pageState) {
	l, id := c.language(w, r), r.PathValue("id")
	who, _ := identity.From(r.Context())
	t, err := c.Reviews.Get(r.Context(), id)
	if errors.Is(err, review.ErrNotFound) {
		c.say(w, r, http.StatusNotFound, message{Key: "no_review", Detail: id, Link: "/reviews"})
		return
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	card, err := c.Reviews.Card(t.Card)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	conv, ok, err := c.Record.SessionOf(r.Context(), t.Tenant, t.SessionID)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	b := reviewBody{
		Task: t, Card: card, Left: c.timeLeft(l, t.Due), Missing: !ok, Problem: state.problem, Detail: state.detail, Typed: state.typed, MaxWords: review.MaxWords,
		Why: c.reason(l, t), Who: who.ID, Mine: t.Inspector == who.ID, About: r.URL.Query().Get("about"),
	}
	if said := r.URL.Query().Get("said"); slices.Contains(saids, said) && status == http.StatusOK {
		b.Said = said
	}
	free := t.State == review.Open
	holds := t.State == review.Claimed && b.Mine
	b.Claim = free && who.May(identity.WorkReviews) && (t.Assignee == "" || t.Assignee == who.ID) && (t.Kind != review.Adjudication || who.May(identity.DecideReviews))
	b.Move = (free || t.State == review.Claimed) && t.Kind != review.Calibration && who.May(identity.SuperviseReviews)
	b.Dispute = t.State == review.Submitted && !t.DisputeUntil.IsZero() && c.Now().Before(t.DisputeUntil) && !b.Mine && who.May(identity.DisputeReviews)
	b.Decide = t.State == review.Disputed && who.May(identity.DecideReviews) && !b.Mine && t.Dispute != nil && t.Dispute.By != who.ID
	if ok {
		if b.Session, err = c.sessionOf(r.Context(), l, conv); err != nil {
			c.trouble(w, r, err)
			return
		}
		if holds || b.Decide {
			fields := state.typed
			if !state.verdict {
				fields = draftOf(t.Draft)
				if b.Decide {
					fields = fieldsOf(*t.Counts())
				}
			}
			b.Form = c.verdictForm(l, b, conv, fields, state.faults)
			b.Form.Unsaved = state.verdict
			placeForm(b.Session.Rows, b.Form)
		}
	}
	if state.verdict && b.Form == nil && !b.Claim { // else claiming it again brings everything back
		b.Lost = state.typed.prose()
	}
	b.Columns, b.Rows = verdicts(t, card)
	if b.Form == nil {
		placeVerdicts(b.Session.Rows, b.Columns)
	}
	v := view{Page: "review", Title: l.text("review.title", t.SessionID), Body: b}
	c.respond(w, r, status, v)
}

// verdicts are those of a review that the reader may see, side by side.
func verdicts(t review.Task, card *review.Card) (columns []verdictColumn, rows []verdictRow) {
	if t.Verdict != nil {
		columns = append(columns, verdictColumn{"verdict", *t.Verdict})
	}
	for _, o := range t.Others {
		columns = append(columns, verdictColumn{"other", o})
	}
	if t.Outcome != nil {
		columns = append(columns, verdictColumn{"outcome", *t.Outcome})
	}
	if len(columns) == 0 {
		return nil, nil
	}
	for _, k := range card.Criteria {
		row := verdictRow{Criterion: k}
		for _, v := range columns {
			i := slices.IndexFunc(v.Criteria, func(x review.Rating) bool { return x.Criterion == k.ID })
			if i < 0 {
				row.Ratings = append(row.Ratings, review.Rating{})
				continue
			}
			row.Ratings = append(row.Ratings, v.Criteria[i])
			row.Differ = row.Differ || v.Criteria[i].Rating != row.Ratings[0].Rating
		}
		rows = append(rows, row)
	}
	return columns, rows
}

// decided is what somebody said of a finding.
type decided struct {
	Who, Decision, Why string
}

// placeVerdicts puts what was said of findings under their remarks.
func placeVerdicts(rows []row, columns []verdictColumn) {
	for i := range rows {
		for j := range rows[i].Remarks {
			m := &rows[i].Remarks[j]
			for _, v := range columns {
				for _, d := range v.Findings {
					if d.FindingID == m.FindingID {
						m.Decided = append(m.Decided, decided{v.Inspector, d.Decision, d.Why})
					}
				}
			}
		}
	}
}

// placeForm puts the fields for findings under their remarks.
func placeForm(rows []row, f *verdictForm) {
	for i := range rows {
		for j := range rows[i].Remarks {
			m := &rows[i].Remarks[j]
			if k := slices.IndexFunc(f.Findings, func(d decidable) bool { return d.ID == m.FindingID }); k >= 0 {
				m.Decide = &f.Findings[k]
			}
		}
	}
}

// readReview returns the form of a review that was sent, or answers why there is none.
func (c *Console) readReview(w http.ResponseWriter, r *http.Request) (fields typed, version int64, ok bool) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: reviewHref(r.PathValue("id"))})
		return nil, 0, false
	}
	fields = typed{}
	for name, values := range r.PostForm {
		fields[name] = values[0]
	}
	return fields, fields.number("version"), true
}

// refused answers what the service refused: the page again, with what was typed and what is wrong.
func (c *Console) refused(w http.ResponseWriter, r *http.Request, err error, act string, fields typed) {
	var faults review.Faults
	var conflict *review.Conflict
	var forbidden *review.Forbidden
	state := pageState{typed: fields, verdict: act == "verdict" || act == "decide"}
	switch {
	case errors.Is(err, review.ErrNotFound):
		c.say(w, r, http.StatusNotFound, message{Key: "no_review", Detail: r.PathValue("id"), Link: "/reviews"})
	case errors.As(err, &faults):
		state.problem, state.detail = "fault_"+act, faults.Error()
		c.showReview(w, r, http.StatusUnprocessableEntity, state)
	case errors.As(err, &forbidden):
		state.problem, state.detail = "forbidden_"+act, forbidden.Text
		c.showReview(w, r, http.StatusForbidden, state)
	case errors.As(err, &conflict):
		state.problem, state.detail = c.conflictOf(r, act, fields), conflict.Text
		c.showReview(w, r, http.StatusConflict, state)
	default:
		c.trouble(w, r, err)
	}
}

// conflictOf says what has changed since the form was shown, by looking at how the review is now.
func (c *Console) conflictOf(r *http.Request, act string, fields typed) string {
	who, _ := identity.From(r.Context())
	t, err := c.Reviews.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return "conflict"
	}
	mine := t.Inspector == who.ID
	switch {
	case act == "claim" && t.State == review.Open && t.Version == fields.number("version"):
		return "full"
	case t.State == review.Claimed && !mine:
		return "other"
	case act == "verdict" && t.State == review.Open:
		return "lost"
	case act == "verdict" && t.State != review.Claimed:
		return "done"
	case t.Version != fields.number("version"):
		return "stale"
	}
	if conv, ok, err := c.Record.SessionOf(r.Context(), t.Tenant, t.SessionID); err == nil && ok && act == "verdict" {
		changed := func(f warehouse.FindingItem) bool {
			seen := fields.number("fv." + f.FindingID)
			return seen != 0 && seen != f.Version
		}
		if conv.Session.Revision != fields["revision"] || slices.ContainsFunc(conv.Findings, changed) {
			return "rechecked"
		}
	}
	return "conflict"
}

func (c *Console) claimReview(w http.ResponseWriter, r *http.Request) {
	fields, version, ok := c.readReview(w, r)
	if !ok {
		return
	}
	t, err := c.Reviews.Claim(r.Context(), r.PathValue("id"), version)
	if err == nil && !fields.empty() { // what was typed while the claim ran out
		t, err = c.Reviews.SaveDraft(r.Context(), t.ID, t.Version, fields.draft())
	}
	if err != nil {
		c.refused(w, r, err, "claim", fields)
		return
	}
	http.Redirect(w, r, reviewHref(t.ID), http.StatusSeeOther)
}

// answerReview takes the verdict, its draft, or the review back, as the button says.
func (c *Console) answerReview(w http.ResponseWriter, r *http.Request) {
	fields, version, ok := c.readReview(w, r)
	if !ok {
		return
	}
	ctx, id := r.Context(), r.PathValue("id")
	switch fields["act"] {
	case "draft", "release":
		t, err := c.Reviews.SaveDraft(ctx, id, version, fields.draft())
		said := "saved"
		if err == nil && fields["act"] == "release" {
			said = "released"
			t, err = c.Reviews.Release(ctx, id, t.Version, "")
		}
		if err != nil {
			c.refused(w, r, err, "verdict", fields)
			return
		}
		http.Redirect(w, r, reviewHref(t.ID, "said", said), http.StatusSeeOther)
		return
	}
	answer, sent, ok := c.answerOf(w, r, fields)
	if !ok {
		return
	}
	t, err := c.Reviews.Submit(ctx, id, version, answer)
	if c.faulty(w, r, err, fields, sent) {
		return
	}
	if err != nil {
		c.refused(w, r, err, "verdict", fields)
		return
	}
	c.onward(w, r, "submitted", t.ID)
}

// answerOf makes an answer of the form, or shows the form again with what is missing.
func (c *Console) answerOf(w http.ResponseWriter, r *http.Request, fields typed) (review.Answer, sent, bool) {
	t, err := c.Reviews.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		c.refused(w, r, err, "verdict", fields)
		return review.Answer{}, sent{}, false
	}
	card, err := c.Reviews.Card(t.Card)
	if err != nil {
		c.trouble(w, r, err)
		return review.Answer{}, sent{}, false
	}
	conv, _, err := c.Record.SessionOf(r.Context(), t.Tenant, t.SessionID)
	if err != nil {
		c.trouble(w, r, err)
		return review.Answer{}, sent{}, false
	}
	who, _ := identity.From(r.Context())
	holds := t.State == review.Claimed && t.Inspector == who.ID && t.Version == fields.number("version")
	answer, order, faults := fields.answer(card, conv)
	if len(faults) > 0 && (holds || t.State == review.Disputed) { // else what has changed is told first
		c.showReview(w, r, http.StatusUnprocessableEntity, pageState{typed: fields, verdict: true, faults: faults, problem: "faults"})
		return answer, order, false
	}
	return answer, order, true
}

// faulty shows the form again where the service found fields at fault that the page could not tell.
func (c *Console) faulty(w http.ResponseWriter, r *http.Request, err error, fields typed, order sent) bool {
	var found review.Faults
	if !errors.As(err, &found) {
		return false
	}
	faults := map[string]string{}
	for _, f := range found {
		faults[order.anchor(f.Field)] = "other"
	}
	c.showReview(w, r, http.StatusUnprocessableEntity, pageState{typed: fields, verdict: true, faults: faults, problem: "faults", detail: found.Error()})
	return true
}

func (c *Console) disputeReview(w http.ResponseWriter, r *http.Request) {
	fields, version, ok := c.readReview(w, r)
	if !ok {
		return
	}
	t, err := c.Reviews.Dispute(r.Context(), r.PathValue("id"), version, fields["reason"])
	if err != nil {
		c.refused(w, r, err, "dispute", fields)
		return
	}
	http.Redirect(w, r, reviewHref(t.ID, "said", "disputed"), http.StatusSeeOther)
}

func (c *Console) decideReview(w http.ResponseWriter, r *http.Request) {
	fields, version, ok := c.readReview(w, r)
	if !ok {
		return
	}
	var instead *review.Answer
	var order sent
	switch fields["ruling"] {
	case "stands":
	case "instead":
		answer, sent, ok := c.answerOf(w, r, fields)
		if !ok {
			return
		}
		instead, order = &answer, sent
	default:
		c.showReview(w, r, http.StatusUnprocessableEntity, pageState{typed: fields, verdict: true, faults: map[string]string{"ruling": "ruling"}, problem: "faults"})
		return
	}
	if strings.TrimSpace(fields["why"]) == "" {
		c.showReview(w, r, http.StatusUnprocessableEntity, pageState{typed: fields, verdict: true, faults: map[string]string{"ruling": "why"}, problem: "faults"})
		return
	}
	t, err := c.Reviews.Decide(r.Context(), r.PathValue("id"), version, fields["why"], instead)
	if instead != nil && c.faulty(w, r, err, fields, order) {
		return
	}
	if err != nil {
		c.refused(w, r, err, "decide", fields)
		return
	}
	http.Redirect(w, r, reviewHref(t.ID, "said", "decided"), http.StatusSeeOther)
}

func (c *Console) moveReview(w http.ResponseWriter, r *http.Request) {
	fields, version, ok := c.readReview(w, r)
	if !ok {
		return
	}
	t, err := c.Reviews.Reassign(r.Context(), r.PathValue("id"), version, strings.TrimSpace(fields["to"]), fields["why"])
	if err != nil {
		c.refused(w, r, err, "move", fields)
		return
	}
	http.Redirect(w, r, cmp.Or(map[string]string{"team": "/reviews/team?said=moved#waiting"}[fields["back"]], reviewHref(t.ID, "said", "moved")), http.StatusSeeOther)
}
