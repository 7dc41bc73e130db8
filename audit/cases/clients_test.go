package cases_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/fund"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// These variables make the test binary an audit service that can be killed: clients change cases and the
// fund in it at random. Whatever was answered is a line of its output; what receivers of payouts say
// are lines of its input.
const (
	opsStore = "MINGJIAN_TEST_CASES_STORE"
	opsSeed  = "MINGJIAN_TEST_CASES_SEED"
	opsLife  = "MINGJIAN_TEST_CASES_LIFE" // counts from 0
	opsLeft  = "MINGJIAN_TEST_CASES_LEFT" // operations to do
	opsAll   = "MINGJIAN_TEST_CASES_ALL"  // operations of all lives
)

// clients change things at the same time.
const clients = 16

// maxPause is how long a client waits at most between two things, so that what they caused is under way
// when a kill comes: orders, results, and the clients themselves.
const maxPause = 50 * time.Millisecond

func TestMain(m *testing.M) {
	dsn := os.Getenv(opsStore)
	if dsn == "" {
		os.Exit(m.Run())
	}
	var numbers [4]uint64
	for i, name := range []string{opsSeed, opsLife, opsLeft, opsAll} {
		var err error
		if numbers[i], err = strconv.ParseUint(os.Getenv(name), 10, 64); err != nil {
			panic(err)
		}
	}
	if err := live(context.Background(), dsn, numbers[0], int(numbers[1]), int64(numbers[2]), int(numbers[3])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// books is the real fund, as cases know it.
type books struct{ *fund.Fund }

func (b books) Reserve(ctx context.Context, tx *store.Tx, h cases.Holding) error {
	return b.Fund.Reserve(ctx, tx, fund.Holding(h))
}

func (b books) Pay(ctx context.Context, tx *store.Tx, p cases.Payout) error {
	return b.Fund.Pay(ctx, tx, fund.Payout(p))
}

func (b books) Settle(ctx context.Context, tx *store.Tx, c cases.Confirmation) (bool, error) {
	return b.Fund.Settle(ctx, tx, fund.Confirmation(c))
}

// centre is a record in which every session has a finding, and half of them are another tenant's.
type centre struct{}

var shops = []string{"default", "acme"}

func (centre) SessionOf(_ context.Context, _, id string) (warehouse.Conversation, bool, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "s-"))
	if err != nil {
		return warehouse.Conversation{}, false, err
	}
	tenant := shops[n%len(shops)]
	return warehouse.Conversation{
		Session:  warehouse.Session{Tenant: tenant, SessionID: id, CustomerID: "c-" + id, Jurisdiction: "CN"},
		Findings: []warehouse.FindingItem{{FindingID: "f-" + id, SessionID: id, Tenant: tenant, Rule: "cn-answer-untrue", Severity: "high", State: "standing"}},
	}, true, nil
}

// desks opens cases and fund over a store whose clock is a day further on in each life.
func desks(ctx context.Context, dsn string, life int) (*store.DB, *cases.Cases, *fund.Fund, error) {
	quiet := slog.New(slog.DiscardHandler)
	db, err := store.Open(ctx, dsn, store.Options{Now: func() time.Time { return time.Now().AddDate(0, 0, life) }, Log: quiet})
	if err != nil {
		return nil, nil, nil, err
	}
	money, err := fund.New(ctx, db, fund.Options{Log: quiet})
	if err != nil {
		return nil, nil, nil, errors.Join(err, db.Close())
	}
	c, err := cases.New(ctx, db, centre{}, cases.Options{Fund: books{money}, Log: quiet})
	if err != nil {
		return nil, nil, nil, errors.Join(err, db.Close())
	}
	return db, c, money, nil
}

// life is one of the service's.
type life struct {
	*cases.Cases
	db    *store.DB
	fund  *fund.Fund
	n     int
	sizes int // of the range of sessions
	left  atomic.Int64

	mu  sync.Mutex
	ids []string // cases that are known
}

// say writes a line. Its one write is whole for whoever reads the pipe, or not there at all.
func (l *life) say(words ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Println(words...)
}

// live lets clients work until their operations are done, and what receivers say is booked.
func live(ctx context.Context, dsn string, seed uint64, n int, left int64, all int) error {
	db, c, money, err := desks(ctx, dsn, n)
	if err != nil {
		return err
	}
	defer db.Close()
	l := &life{Cases: c, db: db, fund: money, n: n, sizes: max(all/14, clients)}
	l.left.Store(left)
	page, err := c.List(boss(ctx), cases.Query{Limit: 500}) // the newest, which go on
	if err != nil {
		return err
	}
	for _, k := range page.Items {
		l.ids = append(l.ids, k.ID)
	}
	relayed, stop := context.WithCancel(ctx)
	var beside, at sync.WaitGroup
	defer beside.Wait()
	defer stop()
	beside.Go(func() {
		_ = db.Relay(relayed, func(_ context.Context, m store.Message) error {
			if m.To.Name == fund.OrderTopic {
				l.say("order", string(m.Body))
			}
			return nil
		})
	})
	heard := make(chan error, 1)
	beside.Go(func() { heard <- l.hear(ctx) })
	for i := range clients {
		at.Go(func() {
			c := client{life: l, rng: rand.New(rand.NewPCG(seed, uint64(n)<<32|uint64(i)))}
			for l.left.Add(-1) >= 0 {
				c.operate(ctx)
				time.Sleep(time.Duration(c.rng.Int64N(int64(maxPause))))
			}
		})
	}
	at.Wait()
	delivered := func() error {
		for {
			if n, err := db.Waiting(ctx); err != nil || n == 0 {
				return err
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	if err := delivered(); err != nil {
		return err
	}
	l.say("idle")
	if err := <-heard; err != nil { // until the receiver has nothing more to say
		return err
	}
	return delivered()
}

// hear books what receivers say, line by line, as the consumer of the topic does.
func (l *life) hear(ctx context.Context) error {
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		said, err := fund.ReadResult([]byte(line))
		if err != nil {
			return err
		}
		_, err = l.Confirm(ctx, cases.Confirmation(said))
		var no *cases.Conflict
		switch {
		case err == nil, errors.As(err, &no) && no.Repeat:
			l.say("told", said.PayoutID)
		default:
			l.say("fault", "the result of", said.PayoutID, "is not taken:", err)
		}
	}
}

// boss sees everything, and changes nothing.
func boss(ctx context.Context) context.Context {
	return identity.With(ctx, identity.Principal{ID: "viewer-boss", Roles: []identity.Role{identity.Viewer}})
}

// client does one thing after the other.
type client struct {
	*life
	rng *rand.Rand
}

func (c *client) chance(percent int) bool { return c.rng.IntN(100) < percent }

func pick[T any](c *client, of ...T) T { return of[c.rng.IntN(len(of))] }

// people who work.
var people = []string{"officer-1", "officer-2", "officer-3", "officer-4", "officer-5", "officer-6", "approver-1", "approver-2", "approver-3", "finance-1", "finance-2"}

// somebody who may do an action, most of the time.
func (c *client) somebody(a cases.Action) string {
	switch {
	case c.chance(10):
		return pick(c, people...)
	case a == cases.Approve || a == cases.Reject:
		return pick(c, people...)
	case a == cases.Pay || a == cases.Confirm:
		return pick(c, people[9:]...)
	}
	return pick(c, people[:6]...)
}

// operate does one operation and says how it ended.
func (c *client) operate(ctx context.Context) {
	c.mu.Lock()
	known := len(c.ids)
	c.mu.Unlock()
	switch n := c.rng.IntN(100); {
	case n < 6 || known == 0:
		c.report(ctx)
	case n < 8:
		c.money(ctx, c.fund.TopUp)
	case n < 9:
		c.money(ctx, c.fund.WriteOff)
	case n < 10:
		c.answered(c.Sweep(ctx), "swept")
	default:
		for {
			c.mu.Lock()
			id := c.ids[c.rng.IntN(len(c.ids))]
			c.mu.Unlock()
			f, err := c.Get(boss(ctx), id)
			if err != nil {
				c.say("fault", err)
				return
			}
			// Of what is under way only its receiver tells the truth, and little is done to what has ended.
			if !slices.Contains([]cases.State{cases.Paying, cases.Closed, cases.Rejected}, f.State) || c.chance(10) {
				c.change(ctx, f.Case)
				return
			}
		}
	}
}

// answered says that something was done, refused, or went wrong. It returns whether it was done.
func (c *client) answered(err error, words ...any) bool {
	var conflict *cases.Conflict
	var forbidden *cases.Forbidden
	var fault *cases.Fault
	var refusal *fund.Refusal
	switch {
	case err == nil:
		c.say(append([]any{"ack"}, words...)...)
	case errors.As(err, &conflict), errors.As(err, &forbidden), errors.As(err, &fault), errors.As(err, &refusal):
		c.say("no", err)
	default:
		c.say("fault", words, err)
	}
	return err == nil
}

func (c *client) report(ctx context.Context) {
	session := fmt.Sprint("s-", c.rng.IntN(c.sizes))
	who := pick(c, "inspector-1", "inspector-2", "officer-1")
	k, opened, err := c.Report(by(ctx, who), cases.Report{SessionID: session, FindingID: pick(c, "", "f-"+session), Kind: pick(c, "price", "service", "quality"), Reason: "答错了"})
	if c.answered(err, "reported", k.ID, who) && opened {
		c.mu.Lock()
		c.ids = append(c.ids, k.ID)
		c.mu.Unlock()
	}
}

// money comes into a fund or is taken out, sometimes with the key of another change.
func (c *client) money(ctx context.Context, do func(context.Context, fund.Change) (fund.Entry, bool, error)) {
	m := policies.Money{Minor: pick[int64](c, 1000_00, 20000_00), Currency: pick(c, "CNY", "CNY", "USD")}
	e, _, err := do(by(ctx, "finance-1"), fund.Change{Key: fmt.Sprint("k-", c.rng.IntN(1000)), Tenant: pick(c, shops...), Money: m, Reason: "预算"})
	c.answered(err, "booked", e.ID)
}

// change does to a case what its state lets do, most of the time.
func (c *client) change(ctx context.Context, k cases.Case) {
	action := pick(c, cases.Actions...)
	if c.chance(85) {
		var next []cases.Action
		for _, t := range cases.Transitions {
			rare := t.Action == cases.Reject || t.Action == cases.Appeal || t.From == t.To || t.Action == cases.Assess && t.From == cases.Proposed
			if t.From == k.State && (!rare || c.chance(10)) {
				next = append(next, t.Action)
			}
		}
		if len(next) > 0 {
			action = pick(c, next...)
		}
	}
	who := c.somebody(action)
	ctx = by(ctx, who)
	version := k.Version
	stale := c.chance(5)
	if stale {
		version--
	}
	changed, err := c.act(ctx, k, action, version)
	switch {
	case err == nil && action == cases.Approve && changed.Version != version+1: // sent before by somebody else at this desk, and known
		c.say("no")
	case err == nil && (action == cases.Confirm || stale && action != cases.Approve):
		c.say("fault", action, "of", k.ID, "should have been refused")
	default:
		c.answered(err, "moved", changed.ID, changed.Version, action, who)
	}
}

func (c *client) act(ctx context.Context, k cases.Case, a cases.Action, version int64) (cases.Case, error) {
	switch a {
	case cases.TakeUp:
		return c.TakeUp(ctx, k.ID, version, "正在核实")
	case cases.Assess:
		return c.Assess(ctx, k.ID, version, cases.Assessment{
			AmountMinor: pick[int64](c, 0, 150_00, 1999_00, 4600_00, 7000_00), Currency: c.currency(),
			PriceMinor: 300_00, Fraud: c.chance(10), Words: "多付了钱",
		})
	case cases.Propose:
		return c.Propose(ctx, k.ID, version, c.offer(ctx, k))
	case cases.Approve:
		digest := "of nothing"
		if k.Proposal != nil && !c.chance(5) {
			digest = k.Proposal.Digest
		}
		got, err := c.Approve(ctx, k.ID, version, digest, "属实")
		if err == nil && c.chance(20) { // the same sent again
			if _, again := c.Approve(ctx, k.ID, version, digest, "属实"); again != nil {
				err = fmt.Errorf("an approval sent again: %v", again)
			}
		}
		return got, err
	case cases.Reject:
		return c.Reject(ctx, k.ID, version, "没有错")
	case cases.Pay:
		return c.Pay(ctx, k.ID, version, "付款")
	case cases.Close:
		return c.Close(ctx, k.ID, version, "客户收到了")
	case cases.Appeal:
		return c.Appeal(ctx, k.ID, version, "不够")
	}
	return c.forge(ctx, k)
}

// currency is one that the policy knows, most of the time.
func (c *client) currency() string {
	if c.chance(4) {
		return "USD"
	}
	return "CNY"
}

// offer lies within what the policy allows, most of the time.
func (c *client) offer(ctx context.Context, k cases.Case) cases.Offer {
	o := cases.Offer{Form: "cash", AmountMinor: 100_00, Currency: "CNY", Reason: "赔偿"}
	advice, err := c.Advise(ctx, k.ID)
	if err != nil || c.chance(5) {
		o.Currency = c.currency()
		return o
	}
	o.Form, o.Currency, o.AmountMinor = pick(c, append(advice.Forms, "cash")...), advice.Currency, advice.LeastMinor+c.rng.Int64N(advice.MostMinor-advice.LeastMinor+1)
	switch o.Form {
	case "points":
		o.AmountMinor, o.Points = 0, 50
	case "redo":
		o.AmountMinor = 0
	}
	return o
}

// forge confirms what was not ordered so.
func (c *client) forge(ctx context.Context, k cases.Case) (cases.Case, error) {
	said := cases.Confirmation{PayoutID: k.ID + "-p9999", CaseID: k.ID, Paid: true, Money: yuan(1)}
	if n := len(k.Payouts); n > 0 && k.Proposal != nil {
		minor := k.Proposal.Minor
		said.PayoutID, said.Money = k.Payouts[n-1].ID, pick(c, yuan(minor+1), policies.Money{Minor: max(minor, 1), Currency: "USD"})
	}
	return c.Confirm(ctx, said)
}
