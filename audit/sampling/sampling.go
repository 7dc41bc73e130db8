// Package sampling decides which sessions people review, in such a way that anybody can check that
// nobody picked them.
//
// Sessions that are over are taken in lots: one stratum (tenant, business line, channel, bot version)
// and a stretch of some hours of the tenant's day. Some sessions are reviewed in any case: one with a
// critical finding, a complaint or a reported misjudgement. Where the rule behind a critical finding is
// systemic (one cause makes every session break it), one session stands for all of a bot version and
// day: the first of them to be closed among those that are known together. From the rest of a lot the
// policy mingjian.sampling (GB/T 2828.1-2012) says how many are reviewed, and the draw takes those with
// the lowest HMAC-SHA-256 of the evidence log's checkpoint and the session's id under the key of the
// day.
//
// The flow is one Pass, again and again: the keys of today and tomorrow are committed to (their digests
// go into the evidence log), what became mandatory since is picked, reviewed lots are decided and
// switch their stratum between normal, tightened and reduced inspection, the lots whose time is over
// are closed and drawn, and the keys of days that are over go into the log. Closing is one transaction:
// the lots with all their members, the picks, the review tasks, the journal and the statement for the
// log. Whatever crashes when, the next pass goes on; after a standstill the lots that were missed are
// closed one after the other.
//
// What a lot fixes of each session is that it is a member, when it was closed and whether it was
// mandatory by then; the stratum is the lot's. A Merkle root over the members is in the evidence log.
// A session that is recorded after its lot was closed belongs to the next one. A reason that becomes
// known later still makes a task, also where the session was drawn or passed over before. Verify
// recomputes all of it from what is stored.
//
// Due is a review 48 hours after the session closed or what made it mandatory happened, whichever is
// later; where the record only heard of it more than a lot's hours after that (an import of old
// conversations), 48 hours after it did, because nobody could have looked before.
//
// Not promised: that the operator, who holds the day's key and runs the log, cannot try several
// checkpoints before closing a lot. Each try is an entry in the log, for all to see. A service that
// first starts in the middle of a day, or was away when a day began, commits to the key at once and
// says in the entry that it is late; Verify repeats that.
package sampling

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

	"mingjian/audit/evidence"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

//go:embed migrations
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the tables of lots, picks and keys.
var Noun = store.Noun{Name: "sampling", Files: migrationFiles}

// Record is the part of the warehouse that sampling reads.
type Record interface {
	// Now is the record's clock, which stamps when rows were written.
	Now(ctx context.Context) (time.Time, error)
	// TenantsSince lists the tenants with sessions, each with when the first row was written.
	TenantsSince(ctx context.Context) (map[string]time.Time, error)
	// Closed streams sessions that are over.
	Closed(ctx context.Context, q warehouse.ClosedQuery, each func(warehouse.ClosedSession) error) error
	// Reasons streams why sessions must be reviewed, a session's reasons together and oldest first.
	Reasons(ctx context.Context, q warehouse.ReasonQuery, each func(warehouse.Reason) error) error
}

// Tasks takes what is to be reviewed. It must do so in the transaction it is given, and take a pick
// whose ID it has already as a repeat.
type Tasks interface {
	Open(ctx context.Context, tx *store.Tx, picks []Pick) error
}

// Results says what the reviews of a lot's sample came to.
type Results interface {
	// Lot counts the sampled sessions that have a final verdict and those whose verdict is defective;
	// complete says that none is missing.
	Lot(ctx context.Context, lotID string) (reviewed, defective int, complete bool, err error)
}

// Notary states things in the evidence log.
type Notary interface {
	Queue(ctx context.Context, tx *store.Tx, entries ...evidence.Entry) error
	Flush(ctx context.Context) error
	Checkpoint(ctx context.Context) (evidence.Checkpoint, error)
}

// Terms are what holds for the sampling of a tenant.
type Terms struct {
	Zone     *time.Location // of the tenant's days
	LotHours int            // length of a lot; divides 24
	Level    string         // inspection level: I, II, III, S-1 to S-4
	AQL      string         // acceptance quality limit in per cent, as the tables write it
	// Steady lets strata go over to reduced inspection: nothing is irregular, and whoever is
	// responsible wants it so (GB/T 2828.1-2012, 9.3.3.1).
	Steady bool
}

// Tenants knows the terms of each tenant.
type Tenants interface {
	Sampling(tenant string) Terms
}

// Everybody is the same terms for every tenant.
type Everybody Terms

// Sampling returns the terms.
func (e Everybody) Sampling(string) Terms { return Terms(e) }

// Shanghai is the zone of China's mainland, which has had no summer time since 1991. It is written out
// so that no machine's zone files matter.
var Shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// DefaultTerms are lots of six hours in China's zone, the standard's usual inspection level, and an AQL
// for service quality that people judge (statutory rules are checked on every session anyway).
// Reduced inspection is not allowed unless somebody says so.
var DefaultTerms = Terms{Zone: Shanghai, LotHours: 6, Level: "II", AQL: "2.5"}

// reviewWithin is how long a review may take: 48 hours, working days or not.
const reviewWithin = 48 * time.Hour

// Stratum is what the sessions of a lot have in common.
type Stratum struct {
	Tenant       string `json:"tenant"`
	BusinessLine string `json:"business_line"`
	Channel      string `json:"channel"`
	BotVersion   string `json:"bot_version"`
}

// path names a stratum for people and the journal. It is no method, because Lot embeds Stratum.
func path(s Stratum) string {
	return s.Tenant + "/" + s.BusinessLine + "/" + s.Channel + "/" + s.BotVersion
}

func stratumOf(c warehouse.ClosedSession) Stratum {
	return Stratum{Tenant: c.Tenant, BusinessLine: c.BusinessLine, Channel: c.Channel, BotVersion: c.BotVersion}
}

// The kinds of picks.
const (
	Sample    = "sample"    // drawn
	Mandatory = "mandatory" // must be reviewed
	Systemic  = "systemic"  // stands for all sessions of a bot version and day that broke a systemic rule
)

// Pick is a session to be reviewed, and why.
type Pick struct {
	ID           string    `json:"pick_id"` // the same for the same session and kind, or systemic rule, bot version and day
	Tenant       string    `json:"tenant"`
	BusinessLine string    `json:"business_line"`
	Channel      string    `json:"channel"`
	BotVersion   string    `json:"bot_version"`
	Jurisdiction string    `json:"jurisdiction"`
	SessionID    string    `json:"session_id"`
	LotID        string    `json:"lot_id,omitempty" doc:"Empty for what must be reviewed whatever the draw says"`
	Kind         string    `json:"kind" enum:"sample,mandatory,systemic"`
	Reason       string    `json:"reason,omitempty" doc:"The rule's id, complaint.filed or misjudgement.reported; empty for a sample"`
	ClosedAt     time.Time `json:"closed_at"`
	ReasonAt     time.Time `json:"reason_at,omitzero"`
	Due          time.Time `json:"due"`
	// Drawn of From is the probability with which a sample's session was drawn; its inverse is the
	// session's weight in estimates. Both are 1 for what was not drawn.
	Drawn int `json:"drawn"`
	From  int `json:"from"`
}

// Options are what a Sampler needs. All fields without a remark are needed.
type Options struct {
	Store   *store.DB
	Record  Record
	Notary  Notary
	Tasks   Tasks
	Plans   *policies.Sampling
	Rules   []policies.Rule  // the catalogue, which says which rules are systemic
	Results Results          // nil: no lot is ever decided, and every stratum stays as it is
	Tenants Tenants          // Everybody(DefaultTerms) when nil
	Now     func() time.Time // time.Now when nil
	Random  io.Reader        // day keys; crypto/rand when nil
	Log     *slog.Logger     // slog.Default when nil
	Poll    time.Duration    // DefaultPoll when 0
	// Overlap is how long before the last look a row may have been stamped that was not to be seen
	// then; DefaultOverlap when 0.
	Overlap time.Duration
}

// DefaultPoll is how often a pass is made: what became mandatory is with the inspectors that much
// later.
const DefaultPoll = time.Minute

// DefaultOverlap is as long as the warehouse gives one insert to be answered.
const DefaultOverlap = 10 * time.Minute

// Sampler makes the passes. One at a time works for a store; what two do to the same lot is undone for
// one of them.
type Sampler struct {
	o        Options
	systemic map[string]bool // by rule
}

// New checks the options and brings the noun's tables up to date.
func New(ctx context.Context, o Options) (*Sampler, error) {
	if o.Store == nil || o.Record == nil || o.Notary == nil || o.Tasks == nil || o.Plans == nil {
		return nil, errors.New("sampling: Store, Record, Notary, Tasks and Plans are needed")
	}
	if o.Tenants == nil {
		o.Tenants = Everybody(DefaultTerms)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Poll <= 0 {
		o.Poll = DefaultPoll
	}
	if o.Overlap <= 0 {
		o.Overlap = DefaultOverlap
	}
	if err := o.Store.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	return &Sampler{o: o, systemic: systemicRules(o.Rules)}, nil
}

func systemicRules(rules []policies.Rule) map[string]bool {
	out := map[string]bool{}
	for _, r := range rules {
		if r.Systemic {
			out[r.ID] = true
		}
	}
	return out
}

// terms are a tenant's terms, checked.
func (s *Sampler) terms(tenant string) (Terms, error) {
	t := s.o.Tenants.Sampling(tenant)
	if t.Zone == nil || t.LotHours < 1 || t.LotHours > 24 || 24%t.LotHours != 0 {
		return Terms{}, fmt.Errorf("sampling terms of tenant %q: they need a zone, and lots whose hours divide 24, not %d", tenant, t.LotHours)
	}
	return t, nil
}

// Run makes passes until ctx ends, and then returns nil. What a pass could not do is logged, and done
// by a later one.
func (s *Sampler) Run(ctx context.Context) error {
	tick := time.NewTicker(s.o.Poll)
	defer tick.Stop()
	for {
		if err := s.Pass(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.ErrorContext(ctx, "sampling could not do everything; trying again", "in", s.o.Poll, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Pass does everything that is due by now. What fails for one tenant leaves the others alone.
func (s *Sampler) Pass(ctx context.Context) error {
	now := s.o.Now().UTC().Truncate(time.Millisecond)
	progress, err := s.progress(ctx, now)
	if err != nil {
		return err
	}
	if err := s.commitKeys(ctx, now, progress); err != nil {
		return err
	}
	if err := s.o.Notary.Flush(ctx); err != nil {
		return err
	}
	faults := []error{s.follow(ctx), s.decide(ctx, now)}
	for i := range progress {
		if err := s.closeDue(ctx, now, &progress[i]); err != nil {
			faults = append(faults, fmt.Errorf("tenant %q: %w", progress[i].tenant, err))
		}
	}
	faults = append(faults, s.publishKeys(ctx, now, progress), s.o.Notary.Flush(ctx))
	return errors.Join(faults...)
}
