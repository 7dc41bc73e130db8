package console

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/policies"
)

// reviewRoutes are the pages of the 48-hour review.
func (c *Console) reviewRoutes() []identity.Route {
	route := func(method, path string, p identity.Permission, summary string, h http.HandlerFunc) identity.Route {
		return identity.Route{Method: method, Path: path, Permission: p, Summary: summary, Handler: identity.Page(h)}
	}
	return []identity.Route{
		route(http.MethodGet, "/reviews", identity.ReadReviews, "Reviews to do", c.reviews),
		route(http.MethodGet, "/reviews/team", identity.SuperviseReviews, "Reviews of the team", c.team),
		route(http.MethodPost, "/reviews/team/calibration", identity.SuperviseReviews, "Make a calibration set", c.calibrate),
		route(http.MethodPost, "/reviews/next", identity.WorkReviews, "Claim the next review", c.nextReview),
		route(http.MethodGet, "/reviews/{id}", identity.ReadReviews, "One review", c.review),
		route(http.MethodGet, "/reviews/{id}/{act}", identity.ReadReviews, "Back to the review", c.backToReview),
		route(http.MethodPost, "/reviews/{id}/claim", identity.WorkReviews, "Claim a review", c.claimReview),
		route(http.MethodPost, "/reviews/{id}/verdict", identity.WorkReviews, "Submit a verdict, save its draft, or give the review back", c.answerReview),
		route(http.MethodPost, "/reviews/{id}/dispute", identity.DisputeReviews, "Dispute a verdict", c.disputeReview),
		route(http.MethodPost, "/reviews/{id}/decide", identity.DecideReviews, "Decide a dispute", c.decideReview),
		route(http.MethodPost, "/reviews/{id}/move", identity.SuperviseReviews, "Give a review to somebody else", c.moveReview),
	}
}

// reviewHref is the address of a review's page, with a query where there is one.
func reviewHref(id string, query ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			q.Set(query[i], query[i+1])
		}
	}
	at := "/reviews/" + url.PathEscape(id)
	if len(q) > 0 {
		at += "?" + q.Encode()
	}
	return at
}

// shows are the lists of reviews that people ask for, with the states that each holds.
var shows = []struct {
	key    string
	states []review.State
}{
	{"todo", []review.State{review.Open, review.Claimed}},
	{"submitted", []review.State{review.Submitted}},
	{"disputed", []review.State{review.Disputed}},
	{"final", []review.State{review.Decided, review.Final}},
}

// kinds are those that an inspector can tell apart, and those beside that a supervisor can.
var (
	plainKinds  = []string{string(review.Mandatory), string(review.Sample), string(review.Systemic)}
	hiddenKinds = []string{string(review.BlindSecond), string(review.Adjudication), string(review.Calibration)}
)

// reviewsBody is the list of reviews.
type reviewsBody struct {
	Shows    []periodLink
	Show     string
	Mine     bool
	Overdue  bool
	Kinds    []choice
	Kind     string
	Session  string
	Held     []taskRow
	Items    []taskRow
	Next     string
	First    string
	Live     string
	Works    bool
	Oversees bool
	Said     string // what just happened: submitted, none, full; "" for nothing
	About    string // the review that it happened to
}

// taskRow is a review in a list.
type taskRow struct {
	review.Task
	Left   left
	Why    template.HTML
	Mine   bool
	Holder string
}

// left is the time until something is due.
type left struct {
	Text string
	Kind string // late, soon, calm
	At   policies.Millis
}

// soon is when what is not done yet is escalated a second time: eight hours before it is due.
const soon = 8 * time.Hour

// timeLeft says how long there is until a moment.
func (c *Console) timeLeft(l *language, due time.Time) left {
	rest := due.Sub(c.Now())
	out := left{At: due.UnixMilli(), Kind: "calm", Text: l.text("review.left", l.lasting(rest.Milliseconds()))}
	switch {
	case rest <= 0:
		out.Kind, out.Text = "late", l.text("review.over", l.lasting(-rest.Milliseconds()))
	case rest <= soon:
		out.Kind = "soon"
	}
	return out
}

func (c *Console) taskRow(l *language, who string, t review.Task) taskRow {
	return taskRow{Task: t, Left: c.timeLeft(l, t.Due), Why: c.reason(l, t), Mine: t.Inspector == who}
}

// reason is why there is a review, in words: the rule or event that made it mandatory.
func (c *Console) reason(l *language, t review.Task) template.HTML {
	if r, ok := c.Policies().Rule(t.Reason); ok {
		return escaped(r.Title.In(l.tag))
	}
	if text, ok := l.known("kind." + t.Reason); ok && t.Reason != "" {
		return escaped(text)
	}
	if t.Kind == review.Mandatory || t.Kind == review.Systemic {
		return l.data(t.Reason)
	}
	return "" // a sample has no reason but the draw
}

func (c *Console) reviews(w http.ResponseWriter, r *http.Request) {
	l, q := c.language(w, r), r.URL.Query()
	who, _ := identity.From(r.Context())
	b := reviewsBody{
		Show: shows[0].key, Mine: q.Get("mine") == "yes", Overdue: q.Get("overdue") == "yes", Kind: q.Get("kind"), Session: q.Get("session"),
		Works: who.May(identity.WorkReviews), Oversees: who.May(identity.SuperviseReviews),
	}
	if i := slices.Index([]string{"submitted", "none", "full"}, q.Get("said")); i >= 0 {
		b.Said, b.About = q.Get("said"), q.Get("about")
	}
	find := review.Query{Session: b.Session, Overdue: b.Overdue, Limit: listLength, Cursor: q.Get("cursor"), States: shows[0].states, ByDue: true}
	for _, s := range shows {
		if s.key == q.Get("show") {
			b.Show, find.States, find.ByDue = s.key, s.states, s.key == "todo"
		}
	}
	kinds := plainKinds
	if b.Oversees {
		kinds = append(slices.Clone(plainKinds), hiddenKinds...)
	}
	if slices.Contains(kinds, b.Kind) {
		find.Kinds = []review.Kind{review.Kind(b.Kind)}
	} else {
		b.Kind = ""
	}
	b.Kinds = choices(kinds, []string{b.Kind})
	if b.Mine {
		find.Inspector = who.ID
	}
	page, err := c.Reviews.List(r.Context(), find)
	var faults review.Faults
	if errors.As(err, &faults) { // a cursor that somebody shortened: begin at the newest
		q.Del("cursor")
		http.Redirect(w, r, "/reviews?"+q.Encode(), http.StatusSeeOther)
		return
	}
	if err == nil && b.Works {
		b.Held, err = c.held(r.Context(), l, who.ID)
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	for _, t := range page.Items {
		if b.Works && !b.Mine && t.State == review.Claimed && t.Inspector == who.ID {
			continue // it stands above, among those in hand
		}
		b.Items = append(b.Items, c.taskRow(l, who.ID, t))
	}
	address := func(change ...string) string {
		v := url.Values{}
		for name, value := range map[string]string{"show": b.Show, "kind": b.Kind, "session": b.Session, "mine": yesOf(b.Mine), "overdue": yesOf(b.Overdue)} {
			if value != "" && (name != "show" || value != shows[0].key) {
				v.Set(name, value)
			}
		}
		for i := 0; i < len(change); i += 2 {
			v.Set(change[i], change[i+1])
		}
		if len(v) == 0 {
			return "/reviews"
		}
		return "/reviews?" + v.Encode()
	}
	for _, s := range shows {
		b.Shows = append(b.Shows, periodLink{s.key, address("show", s.key), s.key == b.Show})
	}
	if page.Next != "" {
		b.Next = address("cursor", page.Next)
	}
	if find.Cursor != "" {
		b.First = address()
	} else {
		b.Live = address("part", "list")
	}
	part := "layout"
	if q.Get("part") == "list" {
		part = "list"
	}
	c.render(w, r, http.StatusOK, view{Page: "reviews", Title: l.text("nav.reviews"), Body: b}, part)
}

func yesOf(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// held are the reviews that somebody holds now, soonest due first.
func (c *Console) held(ctx context.Context, l *language, who string) (out []taskRow, err error) {
	page, err := c.Reviews.List(ctx, review.Query{Inspector: who, States: []review.State{review.Claimed}, ByDue: true, Limit: listLength})
	for _, t := range page.Items {
		if t.State == review.Claimed && t.Inspector == who { // not one whose claim ran out
			out = append(out, c.taskRow(l, who, t))
		}
	}
	return out, err
}

// nextReview claims the next review. The form says how many the person held when it was shown, so
// that sending it twice claims one.
func (c *Console) nextReview(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/reviews"})
		return
	}
	who, _ := identity.From(r.Context())
	held, err := c.held(r.Context(), c.language(w, r), who.ID)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	if shown, err := strconv.Atoi(r.PostForm.Get("held")); err == nil && len(held) > shown {
		newest := slices.MaxFunc(held, func(a, z taskRow) int { return a.ClaimedAt.Compare(z.ClaimedAt) })
		http.Redirect(w, r, reviewHref(newest.ID), http.StatusSeeOther)
		return
	}
	c.claimNext(w, r, "", "")
}

// onward leads from one review to the next: to one that the person holds already, or to a new one.
func (c *Console) onward(w http.ResponseWriter, r *http.Request, said, about string) {
	who, _ := identity.From(r.Context())
	held, err := c.held(r.Context(), c.language(w, r), who.ID)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	if len(held) > 0 {
		http.Redirect(w, r, reviewHref(held[0].ID, "said", said, "about", about), http.StatusSeeOther)
		return
	}
	c.claimNext(w, r, said, about)
}

// claimNext claims the most urgent review and opens it, or says on the list why there is none.
func (c *Console) claimNext(w http.ResponseWriter, r *http.Request, said, about string) {
	t, ok, err := c.Reviews.Next(r.Context())
	var full *review.Conflict
	switch {
	case errors.As(err, &full):
		http.Redirect(w, r, "/reviews?said=full", http.StatusSeeOther)
	case err != nil:
		c.trouble(w, r, err)
	case ok:
		http.Redirect(w, r, reviewHref(t.ID, "said", said, "about", about), http.StatusSeeOther)
	case said != "":
		http.Redirect(w, r, "/reviews?"+url.Values{"said": {said}, "about": {about}}.Encode(), http.StatusSeeOther)
	default:
		http.Redirect(w, r, "/reviews?said=none", http.StatusSeeOther)
	}
}
