package cases

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/policies"
)

// The headers of Grafana's webhook contact point with HMAC signature (Grafana 12: the signature's
// default name; the time stamp's has no default and is to be configured as this one, which the provisioned
// contact point does). The signature is HMAC-SHA-256 in hex over time stamp, colon, body; the time stamp is in
// Unix seconds. Grafana signs the body alone where no header is configured: such a message would be good for
// ever in the hands of whoever saw it, so it is refused.
const (
	SignatureHeader = "X-Grafana-Alerting-Signature"
	TimestampHeader = "X-Grafana-Alerting-Timestamp"
)

// MinSecret is how many bytes the hook's secret has at least: 128 bits.
const MinSecret = 16

// The limits of the hook.
const (
	hookWindow = 5 * time.Minute // how far a time stamp may be from now, either way
	hookBytes  = 1 << 20         // some thousand alerts
	hookAlerts = 1000            // of one request
	labelRunes = 128             // of an id: as long as the event model lets one be
)

// notification is what Grafana's unified alerting sends to a webhook (payload version 1). Of what it
// has more, nothing is needed here.
type notification struct {
	Receiver        string            `json:"receiver"`
	Alerts          []json.RawMessage `json:"alerts"` // one by one, so that a bad one leaves the others alone
	GroupKey        string            `json:"groupKey"`
	TruncatedAlerts int               `json:"truncatedAlerts"`
}

// alert is one of its elements.
type alert struct {
	Status      string            `json:"status"` // firing, resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	Fingerprint string            `json:"fingerprint"`
}

// The states of an alert.
const (
	firing   = "firing"
	resolved = "resolved"
)

// Heard is what became of one alert.
type Heard struct {
	Fingerprint string `json:"fingerprint"`
	Result      string `json:"result" enum:"opened,joined,ended,unchanged,ignored,refused"`
	CaseID      string `json:"case_id,omitempty"`
	Why         string `json:"why,omitempty" doc:"Why it was ignored or refused"`
}

type hookInput struct {
	Signature     string `header:"X-Grafana-Alerting-Signature"`
	Timestamp     string `header:"X-Grafana-Alerting-Timestamp"`
	Authorization string `header:"Authorization"`
	RawBody       []byte `contentType:"application/json"`
}

type hookOutput struct {
	Body struct {
		Items     []Heard `json:"items" nullable:"false" doc:"One for each alert, in their order"`
		Truncated int     `json:"truncated" doc:"How many alerts Grafana left out of its message"`
	}
}

// hook takes the alerts of a Grafana contact point. Each alert opens a case, joins one, or ends as a
// source of one; the same alert again changes nothing. An alert that names no session is noted and
// ignored; a bad one is refused by itself.
func (c *Cases) hook(ctx context.Context, in *hookInput) (*hookOutput, error) {
	ctx = identity.With(ctx, identity.Principal{ID: byGrafana, Name: byGrafana})
	if c.o.GrafanaSecret == "" {
		return nil, huma.Error503ServiceUnavailable("this service has no secret for Grafana's alerts, so it takes none; set MINGJIAN_GRAFANA_SECRET where it runs, and the same in Grafana's contact point")
	}
	if err := c.authentic(ctx, in); err != nil {
		var said huma.StatusError
		if !errors.As(err, &said) {
			return nil, err
		}
		if since, write := c.knocks.another(err.Error(), c.db.Now()); write {
			fields := map[string]any{"bytes": len(in.RawBody), "sha256": sum(in.RawBody)}
			if since > 0 {
				fields["left_out"] = since
			}
			if failed := c.note(ctx, "alert.refused", "hook:grafana", err.Error(), fields); failed != nil {
				return nil, failed
			}
		}
		return nil, err
	}
	var n notification
	if err := json.Unmarshal(in.RawBody, &n); err != nil {
		return nil, huma.Error422UnprocessableEntity("this is not what Grafana's alerting sends: " + err.Error())
	}
	if len(n.Alerts) > hookAlerts {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("%d alerts are more than the %d that are taken at a time; lower the contact point's limit", len(n.Alerts), hookAlerts))
	}
	out := &hookOutput{}
	out.Body.Items, out.Body.Truncated = []Heard{}, n.TruncatedAlerts
	for _, text := range n.Alerts {
		h, err := c.alert(ctx, text)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, h)
	}
	return out, nil
}

// knockEvery is how often the journal is told of messages that are refused for the same reason. It is never
// cut, and anybody can knock: whoever does so all day must not be able to fill the disk.
const knockEvery = time.Minute

// knocks count the messages that did not come from whoever has the secret, by why: a handful of sentences.
type knocks struct {
	mu sync.Mutex
	of map[string]knock
}

type knock struct {
	told time.Time // when the journal was told of one
	left int       // how many came since, which it was not told of
}

// another counts one more. It reports whether the journal is to be told of it, and how many it was not told
// of since the last. Those that nothing follows are told of no more.
func (k *knocks) another(why string, now time.Time) (left int, write bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[string]knock{}
	}
	last := k.of[why]
	if now.Sub(last.told).Abs() < knockEvery { // the clock may have been put back
		k.of[why] = knock{last.told, last.left + 1}
		return 0, false
	}
	k.of[why] = knock{told: now}
	return last.left, true
}

// authentic refuses what does not come from whoever has the secret, or came before.
func (c *Cases) authentic(ctx context.Context, in *hookInput) error {
	secret := []byte(c.o.GrafanaSecret)
	if in.Signature == "" {
		token, ok := strings.CutPrefix(in.Authorization, "Bearer ")
		// Digests have one length, so that the comparison tells nothing of the secret's.
		given, want := sha256.Sum256([]byte(token)), sha256.Sum256(secret)
		if !ok || subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
			return huma.Error401Unauthorized("the alert is not signed with this service's secret, and carries no such token")
		}
		return nil // sent again it finds every alert known
	}
	if in.Timestamp == "" {
		return huma.Error401Unauthorized("the alert is signed without a time stamp; set the contact point's timestamp header (timestampHeader of hmacConfig) to " + TimestampHeader)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(in.Timestamp + ":"))
	mac.Write(in.RawBody)
	given, err := hex.DecodeString(in.Signature)
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return huma.Error401Unauthorized("the alert's signature does not fit: another secret, or the message was changed on its way")
	}
	seconds, err := strconv.ParseInt(in.Timestamp, 10, 64)
	now := c.db.Now()
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > hookWindow {
		return huma.Error401Unauthorized(fmt.Sprintf("the alert's time stamp is more than %s from now; set the clocks right, or somebody sent an old message again", hookWindow))
	}
	return c.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM case_signatures WHERE at_ms < $1`, now.Add(-3*hookWindow).UnixMilli()); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO case_signatures (signature, at_ms) VALUES ($1, $2) ON CONFLICT (signature) DO NOTHING`, hex.EncodeToString(given), now.UnixMilli())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return huma.Error409Conflict("this very message came before; it was not taken again")
		}
		return nil
	})
}

// alert takes one alert.
func (c *Cases) alert(ctx context.Context, text json.RawMessage) (Heard, error) {
	var a alert
	if err := json.Unmarshal(text, &a); err != nil {
		return c.refuse(ctx, "", "this alert cannot be read: "+err.Error())
	}
	h := Heard{Fingerprint: a.Fingerprint}
	if why := a.fault(); why != "" {
		return c.refuse(ctx, a.Fingerprint, why)
	}
	if a.Labels["session_id"] == "" {
		h.Result, h.Why = "ignored", "the alert names no session (label session_id), so it is about no case"
		return h, c.db.Write(ctx, func(tx *store.Tx) error {
			if news, err := c.news(ctx, tx, a); err != nil || !news {
				return err
			}
			return tx.Record(ctx, store.Entry{Actor: byGrafana, Action: "alert.ignored", Subject: "alert:" + a.Fingerprint, Reason: h.Why, Detail: detail(map[string]any{"labels": a.Labels, "status": a.Status})})
		})
	}
	conv, ok, err := c.sessions.SessionOf(ctx, a.Labels["tenant"], a.Labels["session_id"])
	if err != nil {
		return Heard{}, fmt.Errorf("take an alert: %w", err)
	}
	if !ok {
		return c.refuse(ctx, a.Fingerprint, "the session that the alert names is not in the record")
	}
	rule, finding, kind := a.Labels["rule"], a.Labels["finding_id"], a.Labels["kind"]
	if finding != "" { // its own rule counts, whatever else the alert says
		if rule = ruleOf(conv, finding); rule == "" {
			return c.refuse(ctx, a.Fingerprint, "the session has no such finding as the alert names")
		}
	} else if rule != "" && !c.knows(rule) {
		return c.refuse(ctx, a.Fingerprint, "no rule is called "+strconv.Quote(rule)+" (label rule); leave the label out, or name one that mingjian policy list has")
	}
	switch {
	case slices.Contains(Kinds, kind):
	case kind == "" || slices.Contains(alertKinds, kind):
		kind = c.o.Policy.KindOf(rule)
	default:
		return c.refuse(ctx, a.Fingerprint, "no claim is of the kind "+strconv.Quote(kind)+" (label kind); leave the label out, or choose one of "+list(Kinds)+", "+list(alertKinds))
	}
	t := told{
		Source: Source{Kind: FromAlert, Ref: a.Fingerprint, Rule: rule, Words: a.words(), By: byGrafana, At: a.StartsAt.UTC().Truncate(time.Millisecond)},
		tenant: conv.Session.Tenant, session: conv.Session.SessionID, customer: conv.Session.CustomerID, line: conv.Session.BusinessLine, findingID: finding,
		kind: kind, actor: byGrafana,
	}
	if a.Status == resolved {
		t.Ended = resolved
	}
	err = c.db.Write(ctx, func(tx *store.Tx) error {
		news, err := c.news(ctx, tx, a)
		if err != nil {
			return err
		}
		if !news { // one that goes on is said to be of its case each time
			h.Result = string(unchanged)
			h.CaseID, _, err = sourceOf(ctx, tx, t)
			return err
		}
		k, how, err := c.join(ctx, tx, t)
		h.Result, h.CaseID = string(how), k.ID
		return err
	})
	return h, err
}

// alertKinds are the kinds of the dashboards' own alerts about a session. They say what was noticed, and nothing
// of what the claim is about, which is up to the rule then.
var alertKinds = []string{"misjudgement", "human_unreachable"}

// knows reports whether there is a rule: in the catalogue in force, or at least in the table of compensation.
func (c *Cases) knows(rule string) bool {
	if c.o.Policy.KindOf(rule) != unsaid {
		return true
	}
	return c.o.Rules != nil && slices.ContainsFunc(c.o.Rules(), func(r policies.Rule) bool { return r.ID == rule })
}

// unsaid is the kind of rules that the table of compensation does not have.
const unsaid = "other"

// fault says what is wrong with an alert, "" where nothing is.
func (a alert) fault() string {
	switch {
	case a.Fingerprint == "" || !plain(a.Fingerprint):
		return "the alert has no fingerprint"
	case a.Status != firing && a.Status != resolved:
		return "the alert's status is neither firing nor resolved"
	case a.StartsAt.Year() < 2000 || a.StartsAt.Year() > 9999:
		return "the alert does not say since when it fires (startsAt)"
	}
	for _, name := range []string{"tenant", "session_id", "finding_id", "rule", "kind"} {
		if !plain(a.Labels[name]) {
			return "the alert's label " + name + " cannot be an id"
		}
	}
	return ""
}

// plain reports whether a text can be an id: short, and without control characters.
func plain(v string) bool {
	return len([]rune(v)) <= labelRunes && !strings.ContainsFunc(v, unicode.IsControl)
}

// words are what the alert says to people, cut to a page.
func (a alert) words() string {
	for _, s := range []string{a.Annotations["summary"], a.Annotations["description"], a.Labels["alertname"]} {
		if s = strings.TrimSpace(kept(s)); s != "" {
			r := []rune(s)
			return string(r[:min(len(r), MaxReason)])
		}
	}
	return "an alert of the dashboards"
}

// news notes a change of an alert, and reports whether it was not heard of before. Grafana repeats what goes on.
func (c *Cases) news(ctx context.Context, tx *store.Tx, a alert) (bool, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO case_alerts (fingerprint, starts_ms, status, at_ms) VALUES ($1, $2, $3, $4)
		ON CONFLICT (fingerprint, starts_ms, status) DO NOTHING`, a.Fingerprint, a.StartsAt.UnixMilli(), a.Status, c.db.Now().UnixMilli())
	if err != nil {
		return false, fmt.Errorf("take an alert: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// refuse notes an alert that cannot be taken.
func (c *Cases) refuse(ctx context.Context, fingerprint, why string) (Heard, error) {
	subject := "hook:grafana"
	if fingerprint != "" && plain(fingerprint) {
		subject = "alert:" + fingerprint
	}
	return Heard{Fingerprint: fingerprint, Result: "refused", Why: why}, c.note(ctx, "alert.refused", subject, why, nil)
}

// note writes a line into the journal.
func (c *Cases) note(ctx context.Context, action, subject, why string, fields map[string]any) error {
	return c.db.Write(ctx, func(tx *store.Tx) error {
		return tx.Record(ctx, store.Entry{Actor: actor(ctx), Action: action, Subject: subject, Reason: why, Detail: detail(fields)})
	})
}

// sum is the SHA-256 of a text in hex.
func sum(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}

// hookRoute is where Grafana's contact point sends alerts. It is open to everybody, and lets in whoever
// has the secret.
func (c *Cases) hookRoute() identity.Route {
	return identity.Route{
		Method: http.MethodPost, Path: "/api/v1/hooks/grafana", Permission: identity.Public,
		Summary: "Take alerts of a Grafana webhook contact point, signed with the shared secret",
		Handler: identity.Operation(c.hook, func(op *huma.Operation) {
			op.MaxBodyBytes = hookBytes
			op.SkipValidateBody = true // it is read as it came: the signature is over its bytes
			op.Errors = []int{http.StatusUnauthorized, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}
		}),
	}
}
