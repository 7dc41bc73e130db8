package cases_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mingjian/audit/cases"
	"mingjian/audit/fund"
	"mingjian/audit/store/storetest"
)

// Whatever sixteen clients do to cases and the fund, and whenever the service is killed: every case
// has gone by the table, money is where the cases say, nobody is paid twice, and nothing that was
// answered is lost.
func TestRandomOperationsWithCrashesBreakNothing(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) { operations(t, dsn, 2000, 3) })
}

// operations lets a service live several times, each life but the last ended by SIGKILL.
func operations(t *testing.T, dsn string, total, kills int) {
	seed := rand.Uint64()
	if given := os.Getenv(opsSeed); given != "" { // the same choices again; who comes first is up to the machine
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", opsSeed, seed)
	r := &receiver{t: t, rng: rand.New(rand.NewPCG(seed, 0)), orders: map[string]order{}, moved: map[string]map[int64]string{}, reported: map[string]bool{}, booked: map[string]bool{}}
	for n := range kills + 1 {
		last := n == kills
		r.enough = total * (n + 1) / (kills + 1)
		if last {
			r.enough = -1
		}
		if r.live(dsn, seed, n, max(total-r.done, clients), total) == last {
			t.Logf("life %d ended with %d operations answered, %d of them refused; %d orders", n, r.done, r.refused, len(r.orders))
		} else {
			t.Errorf("life %d ended by itself: %v", n, !last)
		}
		r.check(dsn, n, last)
		if t.Failed() {
			return
		}
	}
	if r.done < total-clients*kills || r.done-r.refused < total/4 || len(r.orders) < total/50 {
		t.Errorf("%d operations of %d were answered, %d of them refused, and %d payouts ordered; that shows little", r.done, total, r.refused, len(r.orders))
	}
}

// order is what the receiver of payouts knows of one.
type order struct {
	fund.Order
	body   string
	result string // what became of it, as it is told
	paid   bool
	told   bool // the service has said that it knows
}

// receiver reads what the service says, and pays what is ordered: at once or late, or it cannot; it
// says so once or twice. It outlives the service.
type receiver struct {
	t      *testing.T
	rng    *rand.Rand
	enough int // operations after which the service is killed; -1: never

	done, refused int
	moved         map[string]map[int64]string // by case and version: action and actor
	reported      map[string]bool             // cases
	booked        map[string]bool             // entries of the fund
	orders        map[string]order
	late          []string // results that are told later
}

// live starts the service, and returns whether it ended by itself.
func (r *receiver) live(dsn string, seed uint64, n, left, all int) bool {
	r.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.CommandContext(r.t.Context(), exe)
	cmd.Env = append(os.Environ(), opsStore+"="+dsn, fmt.Sprint(opsSeed, "=", seed), fmt.Sprint(opsLife, "=", n), fmt.Sprint(opsLeft, "=", left), fmt.Sprint(opsAll, "=", all))
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	// A channel as wide as all that can be said, so that reading never waits for writing.
	results, written := make(chan string, 1<<16), make(chan struct{})
	go func() {
		defer close(written)
		for line := range results {
			if _, err := io.WriteString(in, line+"\n"); err != nil {
				continue // the service is gone, and is told again in its next life
			}
		}
		in.Close()
	}()
	r.late = nil
	for _, id := range slices.Sorted(maps.Keys(r.orders)) { // as a topic does whose offsets were not committed
		if o := r.orders[id]; !o.told {
			results <- o.result
		}
	}
	killed, idle := false, false
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // half a line acknowledges nothing
			break
		}
		if strings.TrimSpace(line) == "idle" {
			idle = true
			for _, result := range r.late {
				results <- result
			}
			r.late = nil
			close(results)
			continue
		}
		for _, result := range r.take(strings.TrimSpace(line)) {
			results <- result
		}
		if !killed && r.enough >= 0 && r.done >= r.enough {
			killed = true
			if err := cmd.Process.Kill(); err != nil { // SIGKILL, while the others are under way
				r.t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil && !killed {
		r.t.Errorf("the service ended: %v\n%s", err, said.String())
	}
	if !idle {
		close(results)
	}
	<-written
	return !killed
}

// take reads a line of the service, and returns what the receiver says to it.
func (r *receiver) take(line string) (results []string) {
	what, rest, _ := strings.Cut(line, " ")
	f := strings.Fields(rest)
	switch what {
	case "fault":
		r.t.Error(rest)
	case "told":
		o := r.orders[rest]
		o.told = true
		r.orders[rest] = o
	case "order":
		return r.pay(rest)
	case "no":
		r.done++
		r.refused++
	case "ack":
		r.done++
		switch f[0] {
		case "reported":
			r.reported[f[1]] = true
		case "booked":
			r.booked[f[1]] = true
		case "moved":
			var version int64
			fmt.Sscan(f[2], &version)
			if r.moved[f[1]] == nil {
				r.moved[f[1]] = map[int64]string{}
			}
			by := f[3] + " " + f[4]
			if before := r.moved[f[1]][version]; before != "" && (before != by || f[3] != string(cases.Approve)) { // an approval can be sent twice
				r.t.Errorf("version %d of %s was made by %s, and by %s", version, f[1], before, by)
			}
			r.moved[f[1]][version] = by
		}
	default:
		r.t.Errorf("the service says %q", line)
	}
	if len(r.late) > 0 && r.rng.IntN(10) == 0 {
		results, r.late = r.late[:1:1], r.late[1:]
	}
	return results
}

// pay does what an order says, once.
func (r *receiver) pay(body string) (results []string) {
	var o order
	if err := json.Unmarshal([]byte(body), &o.Order); err != nil {
		r.t.Error(err)
		return nil
	}
	if before, known := r.orders[o.PayoutID]; known {
		if before.body != body {
			r.t.Errorf("the order %s came again with other contents:\n%s\n%s", o.PayoutID, before.body, body)
		}
		return []string{before.result}
	}
	o.body, o.paid = body, r.rng.IntN(4) > 0
	result, err := json.Marshal(fund.Result{PayoutID: o.PayoutID, CaseID: o.CaseID, Paid: &o.paid, Minor: &o.Minor, Currency: o.Currency, Reference: "B-" + o.PayoutID, Why: "账户"})
	if err != nil {
		r.t.Error(err)
	}
	o.result = string(result)
	r.orders[o.PayoutID] = o
	if r.rng.IntN(3) == 0 {
		r.late = append(r.late, o.result)
		return nil
	}
	if results = []string{o.result}; r.rng.IntN(4) == 0 {
		results = append(results, o.result)
	}
	return results
}

// check holds the store against what was answered, and against itself.
func (r *receiver) check(dsn string, life int, last bool) {
	t := r.t
	t.Helper()
	db, c, money, err := desks(t.Context(), dsn, life)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	differences, err := money.Verify(t.Context())
	if err != nil || len(differences) > 0 {
		t.Errorf("the books say %+v, %v", differences, err)
	}
	found := map[string]bool{}
	held := map[string]fund.Amounts{}
	for cursor := ""; ; {
		page, err := c.List(boss(t.Context()), cases.Query{Limit: 500, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page.Items {
			f, err := c.Get(boss(t.Context()), k.ID)
			if err != nil {
				t.Fatal(err)
			}
			found[k.ID] = true
			r.path(f)
			r.approvals(f.Case)
			r.payouts(f, last)
			sum := held[k.Tenant]
			sum.Paid += k.PaidMinor
			switch k.State {
			case cases.Approved:
				sum.Reserved += k.Proposal.Minor
			case cases.Paying:
				sum.Paying += k.Proposal.Minor
			}
			held[k.Tenant] = sum
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	balances, err := money.Balances(boss(t.Context()), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range balances {
		want := fund.Amounts{ToppedUp: b.ToppedUp, Available: b.Available, WrittenOff: b.WrittenOff}
		if b.Currency == "CNY" { // only yuan can be approved
			want.Reserved, want.Paying, want.Paid = held[b.Tenant].Reserved, held[b.Tenant].Paying, held[b.Tenant].Paid
		}
		if b.Amounts != want {
			t.Errorf("the fund of %s has %+v in %s, and the cases say %+v", b.Tenant, b.Amounts, b.Currency, want)
		}
	}
	for id := range r.reported {
		if !found[id] {
			t.Errorf("the case %s was reported, and is gone", id)
		}
	}
	r.entries(money)
}

// path says where a case went that no transition leads, or not as its clients were answered.
func (r *receiver) path(f cases.File) {
	state, version := cases.State(""), int64(1)
	for i, s := range f.Steps {
		if s.Seq != int64(i+1) || s.From != state || s.Actor == "" || s.Reason == "" {
			r.t.Errorf("case %s was %s when this happened: %+v", f.ID, state, s)
		}
		switch {
		case s.Action == cases.Began && i == 0 && s.To == cases.Candidate:
		case slices.Contains([]cases.Action{cases.Joined, cases.Ended, cases.Escalated}, s.Action) && s.To == state:
		case slices.ContainsFunc(cases.Transitions, func(t cases.Transition) bool { return t.From == state && t.Action == s.Action && t.To == s.To }):
			version++
			if answered, ok := r.moved[f.ID][version]; ok && answered != fmt.Sprint(s.Action, " ", s.Actor) {
				r.t.Errorf("version %d of case %s was answered as %s, and was made by %s of %s", version, f.ID, answered, s.Action, s.Actor)
			}
		default:
			r.t.Errorf("no way leads case %s from %q by %s to %s", f.ID, state, s.Action, s.To)
		}
		state = s.To
	}
	if state != f.State || version != f.Version {
		r.t.Errorf("case %s is %s with version %d; its steps lead to %s with %d", f.ID, f.State, f.Version, state, version)
	}
	for v := range r.moved[f.ID] {
		if v > version {
			r.t.Errorf("case %s has version %d; %d was answered", f.ID, version, v)
		}
	}
}

// approvals says where too few approved, or one person twice, or the one who proposed.
func (r *receiver) approvals(k cases.Case) {
	proposed, approved, financed := map[string]string{}, map[string][]string{}, map[string]bool{}
	for _, d := range k.Decisions {
		switch d.Action {
		case cases.Propose:
			proposed[d.Digest] = d.By
		case cases.Approve:
			if proposed[d.Digest] == d.By || proposed[d.Digest] == "" || slices.Contains(approved[d.Digest], d.By) {
				r.t.Errorf("case %s: %s approved what %s proposed, after %q", k.ID, d.By, proposed[d.Digest], approved[d.Digest])
			}
			approved[d.Digest] = append(approved[d.Digest], d.By)
			financed[d.Digest] = financed[d.Digest] || strings.HasPrefix(d.By, "finance")
		}
	}
	if !slices.Contains([]cases.State{cases.Approved, cases.Paying, cases.Paid, cases.Closed}, k.State) {
		return
	}
	p := k.Proposal
	people := 1
	if p.Minor > 200_00 {
		people = 2
	}
	if len(approved[p.Digest]) != people || p.Minor > 5000_00 && !financed[p.Digest] {
		r.t.Errorf("case %s is %s with %d in minor units, approved by %q", k.ID, k.State, p.Minor, approved[p.Digest])
	}
}

// payouts says where what the receiver did is not what the case knows. At the end it knows all.
func (r *receiver) payouts(f cases.File, last bool) {
	var paid, knows int64
	times := 0
	for _, o := range r.orders {
		if o.CaseID == f.ID && o.paid {
			paid += o.Minor
			times++
		}
	}
	for i, o := range f.Payouts {
		got, received := r.orders[o.ID]
		switch {
		case last && !received:
			r.t.Errorf("the order %s has not left", o.ID)
		case (last || got.told) && o.State == "ordered", o.State == "paid" && !got.paid, o.State == "failed" && got.paid:
			r.t.Errorf("the payout %s is %s; the receiver has paid: %v", o.ID, o.State, got.paid)
		case i < len(f.Payouts)-1 && o.State == "ordered":
			r.t.Errorf("the payout %s is under way, and another was ordered after it", o.ID)
		}
		if o.State == "paid" {
			knows += got.Minor
		}
	}
	if knows != f.PaidMinor || last && paid != f.PaidMinor || times > f.Round {
		r.t.Errorf("case %s in round %d has %d paid; the receiver paid %d, in %d payouts", f.ID, f.Round, f.PaidMinor, paid, times)
	}
}

// entries says which movement of money was answered and is gone.
func (r *receiver) entries(money *fund.Fund) {
	have := map[string]bool{}
	for cursor := ""; ; {
		page, err := money.Entries(boss(r.t.Context()), fund.Query{Kinds: []fund.Kind{fund.TopUp, fund.WriteOff}, Limit: 500, Cursor: cursor})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range page.Items {
			have[e.ID] = true
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for id := range r.booked {
		if !have[id] {
			r.t.Errorf("the entry %s was booked, and is gone", id)
		}
	}
}
