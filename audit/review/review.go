// Package review is the 48-hour review of conversations by people: tasks with a due time, claims,
// score cards, verdicts, disputes, and what has to be known about all of them.
//
// The flow: sampling opens tasks (Open), each due 48 hours after the later of the session's closing
// and the event that made its review mandatory. An inspector claims the next one (Next), for half an
// hour that every saved draft extends, reads, and submits a verdict. The reviewed side may dispute
// it; somebody else then decides. What is not disputed becomes final after the window.
//
//	open → claimed → submitted → (disputed → decided) → final
//
// Of a share of the tasks a second, blind one is opened; the share is drawn by a keyed hash, so that
// nobody picks. The two verdicts are sealed until both are in; where they differ, a supervisor who is
// neither adjudicates, and that verdict counts as the first task's outcome. A verdict that counts is
// published once, as the event review.decided of its session.
//
// Every change of state is one transaction: the row, a line in the journal (who, what, when, why), and
// the messages of the outbox. A version in each request keeps one person from overwriting another. A
// draft is not a state: it is kept, and has no line of its own in the journal.
//
// Work is pulled, which is what balances it: whoever is free takes the next, nobody holds more than
// their limit, and among tasks that are due in the same hour the one that fewest people can do comes
// first. What time teams work is used for planning (Forecast) only: the 48 hours never stop.
//
// Not promised: that a person who has read a conversation elsewhere in the console does not get it to
// review; only reviews of it are counted as having seen it. A forecast looks at capacity, not at who
// can do which language, and so is the best case.
package review

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

//go:embed migrations/*.sql
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the tables of reviews.
var Noun = store.Noun{Name: "review", Files: migrationFiles}

// EventTopic is the stream of interactions, where a decided review becomes part of the conversation.
const EventTopic = "mingjian.interactions"

// DueAfter is the promise: a review is done within 48 hours.
const DueAfter = 48 * time.Hour

// The defaults of Options.
const (
	DefaultClaimFor      = 30 * time.Minute // twice what a long conversation takes to review
	DefaultDisputeWindow = 72 * time.Hour   // a weekend passes and the reviewed side still has a working day
	DefaultBlindShare    = 0.1              // of 200 reviews a day 20 pairs: κ of a month within about ±0.1
	DefaultSweepEvery    = 30 * time.Second // how late an escalation or a returned claim may be
)

// Sessions is the part of the record that a verdict is checked against. It answers only for what the
// principal in ctx may see.
type Sessions interface {
	SessionOf(ctx context.Context, tenant, sessionID string) (warehouse.Conversation, bool, error)
}

// Options are what reviews can be told. The zero value works.
type Options struct {
	ClaimFor      time.Duration // how long a claim lasts without a draft; DefaultClaimFor when 0
	DisputeWindow time.Duration // DefaultDisputeWindow when 0
	BlindShare    *float64      // 0–1 of the tasks are reviewed twice; DefaultBlindShare when nil
	SweepEvery    time.Duration // DefaultSweepEvery when 0
	Cards         fs.FS         // a folder of score cards; BuiltinCards when nil
	Teams         fs.FS         // a folder with teams.yaml; BuiltinTeams when nil
	Rand          io.Reader     // makes the key of the blind draw, once; crypto/rand when nil
	Lots          Lots          // what the estimates of Report are made for; nil: there are none
	Log           *slog.Logger  // what a sweep could not do; slog.Default when nil
}

// Reviews is the noun's way in. It is safe for concurrent use.
type Reviews struct {
	db         *store.DB
	sessions   Sessions
	o          Options
	blindShare float64
	blindKey   []byte
	cards      *Deck
	teams      *Teams
}

// New brings the noun's tables up to date, and reads cards and teams. Faults of those are reported
// together, each with its file and line.
func New(ctx context.Context, db *store.DB, sessions Sessions, o Options) (*Reviews, error) {
	r := &Reviews{db: db, sessions: sessions, blindShare: DefaultBlindShare}
	if o.ClaimFor == 0 {
		o.ClaimFor = DefaultClaimFor
	}
	if o.DisputeWindow == 0 {
		o.DisputeWindow = DefaultDisputeWindow
	}
	if o.SweepEvery == 0 {
		o.SweepEvery = DefaultSweepEvery
	}
	if o.BlindShare != nil {
		r.blindShare = *o.BlindShare
	}
	if o.Cards == nil {
		o.Cards = BuiltinCards()
	}
	if o.Teams == nil {
		o.Teams = BuiltinTeams()
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	r.o = o
	if o.ClaimFor < 0 || o.DisputeWindow < 0 || o.SweepEvery < 0 || !(r.blindShare >= 0 && r.blindShare <= 1) {
		return nil, errors.New("reviews: durations are positive, and the share of blind double reviews is 0 to 1")
	}
	cards, cardFaults := LoadCards(o.Cards)
	teams, teamFaults := LoadTeams(o.Teams)
	if err := errors.Join(cardFaults, teamFaults); err != nil {
		return nil, err
	}
	r.cards, r.teams = cards, teams
	if err := db.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	if err := db.Write(ctx, func(tx *store.Tx) error {
		if err := r.keepCards(ctx, tx); err != nil {
			return err
		}
		return r.keepKey(ctx, tx)
	}); err != nil {
		return nil, fmt.Errorf("reviews: %w", err)
	}
	return r, nil
}

// system acts where no person does: the sweep, and whoever opens tasks without being signed in.
const system = "system"

// actor is who acts, for the journal.
func actor(ctx context.Context) string {
	if who, ok := identity.From(ctx); ok {
		return who.ID
	}
	return system
}

var errNobody = errors.New("review: nobody acts")
