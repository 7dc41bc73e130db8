package fund_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/audit/fund"
	"mingjian/audit/store/storetest"
)

var secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

// receiver is a payment service that answers as a test says, by payout id.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    map[string][]request
	answer func(id string, attempt int, w http.ResponseWriter, r *http.Request)
}

type request struct {
	header http.Header
	body   string
}

func receive(t *testing.T, answer func(id string, attempt int, w http.ResponseWriter, r *http.Request)) *receiver {
	r := &receiver{got: map[string][]request{}, answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		id := req.Header.Get("webhook-id")
		r.mu.Lock()
		r.got[id] = append(r.got[id], request{req.Header.Clone(), string(body)})
		n := len(r.got[id])
		answer := r.answer
		r.mu.Unlock()
		answer(id, n, w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

// deliver runs a webhook until stop.
func (b *books) deliver(url string) (stop func()) {
	b.t.Helper()
	w, err := fund.NewWebhook(b.Fund, fund.WebhookOptions{
		URL: url, Secret: secret, Poll: 2 * time.Millisecond, Jitter: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
		Transport: &http.Transport{DisableKeepAlives: true}, // so that nothing outlives the test
	})
	b.must(err)
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			b.must(<-ended)
		}
	}
	b.t.Cleanup(stop)
	return stop
}

// ordered makes orders p-1, p-2 … of 1 yuan each.
func (b *books) ordered(ids ...string) {
	b.t.Helper()
	b.topUp("a", cny(1_000_00))
	for _, id := range ids {
		b.must(b.reserve("case-"+id, cny(1_00)))
		b.must(b.pay(order(id, "case-"+id, cny(1_00))))
	}
}

// until waits for a payout to be as a test wants it; bounded only so that a broken build ends.
func (b *books) until(id string, ok func(fund.Standing) bool) fund.Standing {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		page, err := b.Payouts(b.t.Context(), fund.PayoutQuery{Limit: 500})
		b.must(err)
		for _, p := range page.Items {
			if p.ID == id && ok(p) {
				return p
			} else if p.ID == id && time.Now().After(deadline) {
				b.t.Fatalf("%s stays as %+v", id, p)
			}
		}
	}
}

func is(d fund.Delivery) func(fund.Standing) bool {
	return func(p fund.Standing) bool { return p.Delivery == d }
}

func TestAnOrderIsSignedAndTriedUntilItIsAccepted(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		b.ordered("p-1")
		r := receive(t, func(id string, attempt int, w http.ResponseWriter, r *http.Request) {
			switch attempt {
			case 1:
				w.WriteHeader(http.StatusServiceUnavailable)
			case 2:
				w.WriteHeader(http.StatusTooManyRequests)
			case 3:
				panic(http.ErrAbortHandler) // the connection breaks
			default:
				w.WriteHeader(http.StatusAccepted)
				io.WriteString(w, strings.Repeat("长", 1<<20))
			}
		})
		b.deliver(r.URL)
		for attempt, wait := range []time.Duration{2500 * time.Millisecond, 5 * time.Second, 10 * time.Second} { // half of 5, 10, 20 s: no jitter here
			p := b.until("p-1", func(p fund.Standing) bool { return p.Attempts == int64(attempt)+1 && p.Answer != "" })
			b.clock.Add(int64(wait/time.Millisecond) - 1)
			time.Sleep(10 * time.Millisecond) // long enough for several looks at the table
			if again := b.until("p-1", is(fund.Waiting)); again.Attempts != p.Attempts {
				t.Fatalf("attempt %d came too early", again.Attempts)
			}
			b.clock.Add(1)
			if attempt < 2 {
				b.until("p-1", func(q fund.Standing) bool { return q.Attempts == p.Attempts+1 && q.Answer != p.Answer })
			}
		}
		p := b.until("p-1", is(fund.Accepted))
		if p.Attempts != 4 || p.State != fund.Ordered || !strings.HasPrefix(p.Answer, "202 Accepted 长") || len([]rune(p.Answer)) > 501 {
			t.Errorf("accepted is not paid: %+v", p)
		}
		if got := b.actions("payout:p-1"); got != "wang payout.ordered, system payout.accepted" {
			t.Errorf("the journal has %s", got)
		}
		b.stands("CNY", 999_00, 0, 1_00, 0, 0)
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, got := range r.got["p-1"] {
			h := got.header
			mac := hmac.New(sha256.New, []byte("0123456789abcdef0123456789abcdef"))
			mac.Write([]byte("p-1." + h.Get("webhook-timestamp") + "." + got.body))
			if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); h.Get("webhook-signature") != want {
				t.Errorf("attempt %d is signed %s, not %s", i+1, h.Get("webhook-signature"), want)
			}
			if h.Get("Idempotency-Key") != "p-1" || h.Get("Content-Type") != "application/json" || got.body != r.got["p-1"][0].body || !strings.Contains(got.body, `"payout_id":"p-1"`) {
				t.Errorf("attempt %d is %v %s", i+1, h, got.body)
			}
		}
		if a, z := r.got["p-1"][0], r.got["p-1"][3]; a.header.Get("webhook-timestamp") == z.header.Get("webhook-timestamp") {
			t.Error("a later attempt has the time of the first, so a receiver would take it for a replay")
		}
	})
}

// The example of the specification, so that the receivers' libraries agree with this one.
func TestTheSignatureIsThatOfStandardWebhooks(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	if got := fund.Signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signed %s", got)
	}
}

func TestAnOrderThatIsRefusedWaitsForAPersonAndHoldsNoneUp(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		b.ordered("bad", "good")
		r := receive(t, func(id string, attempt int, w http.ResponseWriter, r *http.Request) {
			if id == "bad" {
				http.Error(w, "no such\x00account", http.StatusUnprocessableEntity)
			}
		})
		b.deliver(r.URL)
		b.until("good", is(fund.Accepted))
		p := b.until("bad", is(fund.Stuck))
		if !strings.HasPrefix(p.Answer, "422 Unprocessable Entity no such") {
			t.Errorf("a person reads %q", p.Answer)
		}
		b.clock.Add(int64(48 * time.Hour / time.Millisecond))
		time.Sleep(10 * time.Millisecond) // long enough for several looks at the table
		r.mu.Lock()
		if n := len(r.got["bad"]); n != 1 {
			t.Errorf("tried %d times", n)
		}
		r.answer = func(string, int, http.ResponseWriter, *http.Request) {}
		r.mu.Unlock()
		if _, err := b.Resend(as(t.Context(), "sun", "other"), "bad", "x"); code(err) != fund.Unknown {
			t.Errorf("another tenant sends it again: %v", err)
		}
		if _, err := b.Resend(as(t.Context(), "qian", ""), "good", "x"); code(err) != fund.Mismatch {
			t.Errorf("what is accepted is sent again: %v", err)
		}
		if _, err := b.Resend(as(t.Context(), "qian", ""), "bad", " "); code(err) != fund.Invalid {
			t.Errorf("without a reason: %v", err)
		}
		if _, err := b.Resend(as(t.Context(), "qian", ""), "bad", "账户已更正"); err != nil {
			t.Fatal(err)
		}
		b.until("bad", is(fund.Accepted))
		if got := b.actions("payout:bad"); got != "wang payout.ordered, system payout.stuck, qian payout.resent, system payout.accepted" {
			t.Errorf("the journal has %s", got)
		}
	})
}

func TestARedirectIsNotFollowed(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	b.ordered("p-1")
	elsewhere := receive(t, func(string, int, http.ResponseWriter, *http.Request) {})
	r := receive(t, func(_ string, _ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	b.deliver(r.URL)
	if p := b.until("p-1", is(fund.Stuck)); !strings.HasPrefix(p.Answer, "307 ") {
		t.Errorf("answered %q", p.Answer)
	}
	if len(elsewhere.got) > 0 {
		t.Error("the order went where nobody sent it")
	}
}

func TestAReceiverThatHangsHoldsNobodyUpAndAKilledProcessLosesNothing(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		b.ordered("hangs", "good")
		reached, end := make(chan struct{}), make(chan struct{})
		r := receive(t, func(id string, attempt int, w http.ResponseWriter, r *http.Request) {
			if id == "hangs" && attempt == 1 {
				close(reached)
				<-end
			}
		})
		t.Cleanup(sync.OnceFunc(func() { close(end) })) // before the receiver closes
		stop := b.deliver(r.URL)
		<-reached
		b.until("good", is(fund.Accepted))
		stop() // in the middle of the attempt
		if p := b.until("hangs", is(fund.Waiting)); p.Attempts != 1 || p.Answer != "" {
			t.Errorf("after the end it is %+v", p)
		}
		b.deliver(r.URL)
		b.clock.Add(int64(29 * time.Second / time.Millisecond))
		time.Sleep(10 * time.Millisecond) // long enough for several looks at the table
		if p := b.until("hangs", is(fund.Waiting)); p.Attempts != 1 {
			t.Error("it was tried while the first attempt could still be under way")
		}
		b.clock.Add(int64(2 * time.Second / time.Millisecond))
		if p := b.until("hangs", is(fund.Accepted)); p.Attempts != 2 {
			t.Errorf("it is %+v", p)
		}
	})
}

func TestTwoProcessesSendAnOrderOnce(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		ids := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		b.ordered(ids...)
		r := receive(t, func(string, int, http.ResponseWriter, *http.Request) {})
		b.deliver(r.URL)
		b.deliver(r.URL)
		for _, id := range ids {
			b.until(id, is(fund.Accepted))
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for id, got := range r.got {
			if len(got) != 1 {
				t.Errorf("%s came %d times", id, len(got))
			}
		}
	})
}

func TestAWebhookNeedsASafeAddressAndASecret(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	short := "whsec_" + base64.StdEncoding.EncodeToString([]byte("too short a secret"))
	for _, o := range []fund.WebhookOptions{
		{URL: "http://pay.example.com/orders", Secret: secret}, {URL: "ftp://127.0.0.1/", Secret: secret}, {URL: "pay.example.com", Secret: secret},
		{URL: "https://user:hunter2@pay.example.com/", Secret: secret}, {URL: "://", Secret: secret}, {URL: "", Secret: secret},
		{URL: "http://127.0.0.1.example.com/", Secret: secret},
		{URL: "https://pay.example.com/", Secret: short}, {URL: "https://pay.example.com/"}, {URL: "https://pay.example.com/", Secret: strings.TrimPrefix(secret, "whsec_")},
		{URL: "https://pay.example.com/", Secret: "whsec_%%%"},
	} {
		_, err := fund.NewWebhook(b.Fund, o)
		if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") || o.Secret != "" && strings.Contains(err.Error(), o.Secret) {
			t.Errorf("%s: %v", o.URL, err)
		}
	}
	for _, u := range []string{"https://pay.example.com/orders", "http://127.0.0.1:9/", "http://[::1]:9/", "http://localhost:9/"} {
		if _, err := fund.NewWebhook(b.Fund, fund.WebhookOptions{URL: u, Secret: secret}); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
}

func TestAnAnswerThatNeverComesNamesNoSecret(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	b.ordered("p-1")
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	b.deliver(gone.URL + "/?token=hunter2")
	if p := b.until("p-1", func(p fund.Standing) bool { return p.Answer != "" }); p.Delivery != fund.Waiting || !strings.HasPrefix(p.Answer, "no answer: ") || strings.Contains(p.Answer, "hunter2") {
		t.Errorf("%+v", p)
	}
}

func TestAResultIsReadStrictly(t *testing.T) {
	c, err := fund.ReadResult([]byte(`{"payout_id":"p","case_id":"c","paid":false,"amount_minor":0,"why":"x","more":1}`))
	if err != nil || c.Paid || c.PayoutID != "p" || c.CaseID != "c" || c.Why != "x" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{
		``, `[]`, `{`, `null`, `{"payout_id":"p","case_id":"c","amount_minor":1}`, `{"payout_id":"p","case_id":"c","paid":true}`, `{"case_id":"c","paid":true,"amount_minor":1}`,
		`{"payout_id":"p","case_id":"c","paid":"yes","amount_minor":1}`, `{"payout_id":"p","case_id":"c","paid":true,"amount_minor":1.5}`,
		`{"payout_id":"p","case_id":"c","paid":true,"amount_minor":1,"why":"\u0000"}`, `{"payout_id":"p","case_id":"c","paid":true,"amount_minor":99999999999999999999}`,
		`{"payout_id":"` + strings.Repeat("x", 70_000) + `"}`,
	} {
		if c, err := fund.ReadResult([]byte(bad)); code(err) != fund.Invalid {
			t.Errorf("%.60s gives %+v, %v", bad, c, err)
		}
	}
}
