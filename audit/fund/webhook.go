package fund

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"mingjian/audit/store"
)

// Delivery is how far the webhook has come with an order.
type Delivery string

// How far.
const (
	Waiting  Delivery = "waiting"  // not accepted yet; tried again
	Accepted Delivery = "accepted" // the receiver has it, which does not say that it has paid
	Stuck    Delivery = "stuck"    // the receiver refused it for good; a person has to look, and Resend
)

// The defaults and limits of the webhook.
const (
	// webhookTimeout bounds one request. Receivers of Standard Webhooks answer first and work afterwards.
	webhookTimeout = 15 * time.Second
	// webhookAtOnce is how many orders are on their way together, so that one that hangs holds up none.
	webhookAtOnce = 4
	// lease is for how long an order that is on its way is left alone: longer than a request takes.
	lease = 2 * webhookTimeout
	// An order is tried again after firstRetry, then twice as long each time up to lastRetry; payment is
	// due in days, so an hour's outage costs little.
	firstRetry = 5 * time.Second
	lastRetry  = time.Hour
	// webhookPoll is how often the table is looked at.
	webhookPoll = time.Second
	// answerBytes of a response are read, and answerShown characters kept for who looks into it.
	answerBytes = 64 << 10
	answerShown = 500
	// A secret has 24 to 64 bytes (Standard Webhooks, symmetric signatures).
	secretLeast, secretMost = 24, 64
	secretPrefix            = "whsec_"
)

// WebhookOptions are what a webhook needs.
type WebhookOptions struct {
	URL    string // https, or http to this machine
	Secret string // whsec_ and base64 of 24–64 random bytes; it appears in no log
	// Transport carries requests; a clone of http.DefaultTransport when nil.
	Transport http.RoundTripper
	Jitter    func() float64 // [0, 1), spreads retries; math/rand when nil
	Poll      time.Duration  // how often it looks for orders; a second when 0
	Log       *slog.Logger   // slog.Default when nil
}

// Webhook sends each order to one address, as Standard Webhooks 1.0 (standardwebhooks.com) says:
//
//	POST, Content-Type: application/json, body: the Order
//	webhook-id:        the payout id
//	webhook-timestamp: seconds since 1970, of this attempt
//	webhook-signature: v1,base64(HMAC-SHA-256(secret, id.timestamp.body))
//	Idempotency-Key:   the payout id again, under the name that payment services read
//
// 2xx is acceptance; what became of the payment comes as a Result. No answer, 408, 429 and 5xx are tried
// again, ever more slowly. Any other answer, redirects among them, marks the order as stuck: a person has
// to look. What is sent and what was answered stands in the table of payouts, so that a killed process
// changes nothing but the number of attempts.
type Webhook struct {
	fund   *Fund
	o      WebhookOptions
	secret []byte
	client *http.Client
}

// NewWebhook checks address and secret.
func NewWebhook(f *Fund, o WebhookOptions) (*Webhook, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("the payout webhook's address cannot be read; it looks like https://pay.example.com/orders, without a user in it")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, errors.New("the payout webhook's address must begin with https://; http:// is for this machine only (127.0.0.1, ::1, localhost)")
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(o.Secret, secretPrefix))
	if err != nil || !strings.HasPrefix(o.Secret, secretPrefix) || len(secret) < secretLeast || len(secret) > secretMost {
		return nil, fmt.Errorf("the payout webhook's secret is %s and base64 of %d to %d bytes; this makes one: echo %s$(head -c 32 /dev/urandom | base64)", secretPrefix, secretLeast, secretMost, secretPrefix)
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Poll == 0 {
		o.Poll = webhookPoll
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Webhook{fund: f, o: o, secret: secret, client: &http.Client{
		Transport: o.Transport, Timeout: webhookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// loopback reports whether a host name can only mean this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Run sends orders until ctx ends, and then returns nil. Several processes may run it.
func (w *Webhook) Run(ctx context.Context) error {
	tick := time.NewTicker(w.o.Poll)
	defer tick.Stop()
	var under sync.WaitGroup
	defer under.Wait()
	free := make(chan struct{}, webhookAtOnce)
	for {
		due, err := w.due(ctx)
		if err != nil && ctx.Err() == nil {
			w.o.Log.Error("the payout webhook cannot read its orders; trying again", "error", err)
		}
		for _, p := range due {
			select {
			case <-ctx.Done():
				return nil
			case free <- struct{}{}:
			}
			under.Go(func() {
				defer func() { <-free }()
				if err := w.deliver(ctx, p); err != nil && ctx.Err() == nil {
					w.o.Log.Error("what became of a payout's delivery was not kept; it is tried again", "payout", p.ID, "error", err)
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// duePage is how many orders are read at a time.
const duePage = 100

// due are the orders whose turn has come, those that waited longest first.
func (w *Webhook) due(ctx context.Context) (out []Standing, err error) {
	err = w.fund.db.Read(ctx, func(tx *store.Tx) error {
		out, err = payouts(ctx, tx, `WHERE state = 'ordered' AND delivery = 'waiting' AND next_ms <= $1 ORDER BY next_ms LIMIT $2`, w.fund.db.Now().UnixMilli(), duePage)
		return err
	})
	return out, err
}

// deliver makes one attempt. The attempt is written down before it is made: whoever is killed in the
// middle leaves an order that is tried again after the lease, and nobody else tries it until then.
func (w *Webhook) deliver(ctx context.Context, p Standing) error {
	ours := false
	if err := w.fund.db.Write(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE fund_payouts SET attempts = attempts + 1, next_ms = $1
			WHERE id = $2 AND attempts = $3 AND next_ms = $4 AND state = 'ordered' AND delivery = 'waiting'`,
			w.fund.db.Now().Add(lease).UnixMilli(), p.ID, p.Attempts, p.next)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		ours = n == 1
		return err
	}); err != nil || !ours {
		return err
	}
	p.Attempts++
	became, answer := w.post(ctx, p)
	if ctx.Err() != nil {
		return nil // not the receiver's fault; the lease ends by itself
	}
	next := w.fund.db.Now().Add(w.pause(p.Attempts)).UnixMilli()
	return w.fund.db.Write(ctx, func(tx *store.Tx) error {
		// A result that came meanwhile changes nothing here: it is about the payment, this is about the message.
		if _, err := tx.ExecContext(ctx, `UPDATE fund_payouts SET delivery = $1, answer = $2, next_ms = $3 WHERE id = $4 AND attempts = $5`,
			became, answer, next, p.ID, p.Attempts); err != nil {
			return err
		}
		if became == Waiting {
			w.o.Log.WarnContext(ctx, "a payout was not accepted; trying again", "payout", p.ID, "attempts", p.Attempts, "answer", answer)
			return nil
		}
		if became == Stuck {
			w.o.Log.ErrorContext(ctx, "a payout was refused by its receiver and needs a person", "payout", p.ID, "answer", answer)
		}
		return tx.Record(ctx, store.Entry{Actor: system, Action: "payout." + string(became), Subject: payoutSubject(p.ID), Reason: answer})
	})
}

// pause is how long to wait after so many attempts: doubled each time, and between half and all of that,
// so that orders that failed together do not come back together.
func (w *Webhook) pause(attempts int64) time.Duration {
	pause := lastRetry
	if attempts < 20 { // 5 s doubled 19 times is a month: the limit is reached long before
		pause = min(firstRetry<<(attempts-1), lastRetry)
	}
	return pause/2 + time.Duration(w.o.Jitter()*float64(pause/2))
}

// post sends an order once and says what became of it, with an answer that a person can read.
func (w *Webhook) post(ctx context.Context, p Standing) (Delivery, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.o.URL, strings.NewReader(p.body))
	if err != nil {
		return Stuck, "the request cannot be made: " + err.Error()
	}
	stamp := strconv.FormatInt(w.fund.db.Now().Unix(), 10)
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"mingjian"}, "Idempotency-Key": {p.ID},
		"Webhook-Id": {p.ID}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {Signature(w.secret, p.ID, stamp, []byte(p.body))},
	}
	res, err := w.client.Do(req)
	if err != nil {
		var told *url.Error
		if errors.As(err, &told) { // its text repeats the address, which may hold a token
			err = told.Err
		}
		return Waiting, shown("no answer: " + err.Error())
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, answerBytes)) // what it says is only for a person
	answer := shown(res.Status + " " + string(bytes.TrimSpace(body)))
	switch code := res.StatusCode; {
	case code/100 == 2:
		return Accepted, answer
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code/100 == 5:
		return Waiting, answer
	default:
		return Stuck, answer
	}
}

// shown cuts an answer to what is kept, as text that every store takes.
func shown(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	if utf8.RuneCountInString(s) > answerShown {
		s = string([]rune(s)[:answerShown]) + "…"
	}
	return s
}

// Signature is the value of webhook-signature (Standard Webhooks 1.0, symmetric, v1) for a message.
func Signature(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Resend lets the webhook try a stuck order again, after a person has mended what was wrong. An order
// that is not stuck, or not one that the principal in ctx may see, is a *Refusal.
func (f *Fund) Resend(ctx context.Context, id, reason string) (s Standing, err error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n == 0 || n > maxReason || strings.ContainsRune(reason, 0) {
		return s, refuse(Invalid, "say in 1 to %d characters what was mended", maxReason)
	}
	err = f.db.Write(ctx, func(tx *store.Tx) error {
		p, known, err := payoutOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if !known || seen(ctx, p.Tenant) != nil {
			return refuse(Unknown, "there is no payout %q; GET /api/v1/fund/payouts lists those you may see", id)
		}
		res, err := tx.ExecContext(ctx, `UPDATE fund_payouts SET delivery = 'waiting', next_ms = 0 WHERE id = $1 AND delivery = 'stuck' AND state = 'ordered'`, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return refuse(Mismatch, "the payout %s is not stuck: it is %s, and its delivery %s", id, p.State, p.Delivery)
		}
		if err := tx.Record(ctx, store.Entry{Actor: actor(ctx), Action: "payout.resent", Subject: payoutSubject(id), Reason: reason}); err != nil {
			return err
		}
		s, _, err = payoutOf(ctx, tx, id)
		return err
	})
	if err != nil {
		return Standing{}, refused(err, "send payout %s again", id)
	}
	return s, nil
}

// stuck counts the orders that need a person.
func (f *Fund) stuck(ctx context.Context) (n int64, err error) {
	err = f.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM fund_payouts WHERE state = 'ordered' AND delivery = 'stuck'`).Scan(&n)
	})
	return n, err
}
