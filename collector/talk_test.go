package collector_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	client "github.com/segmentio/kafka-go"

	"mingjian/collector"
	"mingjian/collector/event"
)

// noon is when conversations begin unless a test says otherwise: long past, so that every deadline
// in them is too.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func at(start time.Time, after time.Duration) int64 { return start.Add(after).UnixMilli() }

func message(t testing.TB, e event.Event) client.Message {
	t.Helper()
	value, err := event.Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	return client.Message{Key: []byte(e.SessionID), Value: value}
}

// talk writes one session's events down as they happen.
type talk struct {
	t     testing.TB
	id    string
	start time.Time
	n     int
	out   []client.Message
}

func newTalk(t testing.TB, id string, start time.Time) *talk {
	return &talk{t: t, id: id, start: start}
}

func (k *talk) add(after time.Duration, e event.Event) *talk {
	e.ID, e.SessionID, e.At = fmt.Sprintf("%s-%d", k.id, k.n), k.id, at(k.start, after)
	k.n++
	k.out = append(k.out, message(k.t, e))
	return k
}

func (k *talk) opened(jurisdiction string) *talk {
	yes := true
	return k.add(0, event.Event{Kind: event.SessionOpened, Channel: "app", BusinessLine: "mobile",
		Customer: &event.Customer{ID: "c-" + k.id, Jurisdiction: jurisdiction}, Bot: &event.Bot{ID: "b", Version: "7"},
		Entrance: &event.Entrance{HumanOptionVisible: &yes}})
}

func (k *talk) says(after time.Duration, role event.Role, text string) *talk {
	return k.add(after, event.Event{Kind: event.Message, Actor: event.Actor{Role: role}, Text: text})
}

func (k *talk) closed(after time.Duration) *talk {
	return k.add(after, event.Event{Kind: event.SessionClosed, Close: &event.Close{By: "customer", Reason: "ended"}})
}

// sorry is a session that breaks q-apology-loop, and in the EU eu-ai-notice-missing.
func sorry(t testing.TB, id, jurisdiction string) *talk {
	return newTalk(t, id, noon).opened(jurisdiction).
		says(2*time.Second, event.CustomerRole, "我的话费不对").
		says(4*time.Second, event.BotRole, "非常抱歉给您带来不便").
		says(6*time.Second, event.CustomerRole, "到底怎么回事").
		says(8*time.Second, event.BotRole, "非常抱歉给您带来不便").
		says(10*time.Second, event.CustomerRole, "？").
		says(12*time.Second, event.BotRole, "非常抱歉给您带来不便").
		closed(20 * time.Second)
}

// lines are what people and bots say in made-up sessions, near the edges of the rules.
var lines = map[event.Role][]string{
	event.CustomerRole: {"转人工", "我要人工客服", "不用人工了", "我的话费不对", "你们的电话多少", "我的号码13812345678", "谢谢", "？"},
	event.BotRole: {"非常抱歉给您带来不便", "抱歉，正在为您转接人工客服", "请先描述您的问题哦", "您好，我是AI助手，由人工智能生成内容", "Hello, how can I help?",
		"I am an automated assistant.", "前面还有3位，请稍候", "已为您登记，请放心"},
	event.AgentRole: {"您好，工号1024为您服务", "非常抱歉给您带来不便", "已为您办理"},
}

var roles = []event.Role{event.CustomerRole, event.BotRole, event.AgentRole}

// madeUp is a number of sessions of any kind: opened or not, closed or not, in three jurisdictions,
// a tenant or none, with events repeated, late or refused.
func madeUp(t testing.TB, rng *rand.Rand, sessions int) []client.Message {
	t.Helper()
	pick := func(from []string) string { return from[rng.IntN(len(from))] }
	var all [][]client.Message
	for i := range sessions {
		k := newTalk(t, fmt.Sprintf("s%d", i), noon.Add(time.Duration(rng.IntN(200))*time.Second))
		if rng.IntN(4) > 0 {
			k.opened(pick([]string{"CN", "CN", "DE", ""}))
		}
		if i%5 == 0 {
			k.add(0, event.Event{Kind: event.Message, Tenant: "acme", Actor: event.Actor{Role: event.CustomerRole}, Text: "您好"})
			k.add(0, event.Event{Kind: event.SessionOpened, Tenant: "acme"})
		}
		after := time.Duration(0)
		for range rng.IntN(8) {
			after += time.Duration(rng.IntN(60_000)) * time.Millisecond
			switch rng.IntN(8) {
			case 0:
				k.add(after, event.Event{Kind: event.HandoffRequested, Actor: event.Actor{Role: event.CustomerRole}})
			case 1:
				k.add(after, event.Event{Kind: event.HandoffAccepted, Actor: event.Actor{Role: event.AgentRole, ID: "a1"}})
			case 2: // only now it is said who that is
				k.add(after, event.Event{Kind: event.Message, Actor: event.Actor{Role: event.CustomerRole}, Customer: &event.Customer{ID: pick([]string{"c-1", "c-2", "13912345678"})}})
			default:
				role := roles[rng.IntN(len(roles))]
				k.says(after, role, pick(lines[role]))
			}
		}
		switch rng.IntN(3) {
		case 0:
			k.closed(after + 5*time.Second)
		case 1: // only time tells what comes of this
			k.says(after+time.Second, event.CustomerRole, "转人工").says(after+2*time.Second, event.BotRole, "正在为您转接人工客服")
		}
		if n := len(k.out); n > 2 && rng.IntN(2) == 0 {
			i, j := rng.IntN(n), rng.IntN(n)
			k.out[i], k.out[j] = k.out[j], k.out[i] // late
		}
		if n := len(k.out); n > 0 && rng.IntN(2) == 0 {
			k.out = append(k.out, k.out[rng.IntN(n)]) // again
		}
		if rng.IntN(3) == 0 {
			k.out = append(k.out, client.Message{Key: []byte(k.id), Value: []byte(`{"event_id": "cut`)})
		}
		all = append(all, k.out)
	}
	// Interleave the sessions, each in its own order.
	var out []client.Message
	for len(all) > 0 {
		i := rng.IntN(len(all))
		if len(all[i]) == 0 {
			all = append(all[:i], all[i+1:]...)
			continue
		}
		out = append(out, all[i][0])
		all[i] = all[i][1:]
	}
	return out
}

func findingVersion(t testing.TB, value []byte) (id string, version int64) {
	t.Helper()
	var m collector.FindingMessage
	if err := json.Unmarshal(value, &m); err != nil {
		t.Fatalf("a message of the findings topic: %v: %s", err, value)
	}
	return m.FindingID, m.Version
}
