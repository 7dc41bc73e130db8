package collector_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/collector"
	"mingjian/collector/classify"
	"mingjian/collector/event"
	"mingjian/collector/warehouse"
)

// model is a classifier's endpoint that knows one way to ask for a person, and fails over another.
type model struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newModel(t *testing.T) *model {
	t.Helper()
	m := &model{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		m.asked = append(m.asked, string(body))
		m.mu.Unlock()
		answer := "[]"
		switch {
		case strings.Contains(string(body), "转人工"):
			w.WriteHeader(http.StatusInternalServerError)
			return
		case strings.Contains(string(body), "一堵墙"):
			answer = `["human_request"]`
		}
		json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"message": map[string]any{"content": answer}}}})
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *model) questions() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.asked...)
}

// client asks the model and remembers nothing of other tests.
func (m *model) client(t *testing.T) collector.Classifier {
	t.Helper()
	c, err := classify.New(classify.Options{URL: m.URL + "/v1", Model: "m-1", Timeout: within, PerMinute: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// unheard is a session whose customer says something and gets no person.
func unheard(t *testing.T, id, says string) *talk {
	return newTalk(t, id, noon).opened("CN").
		says(2*time.Second, event.CustomerRole, says).
		says(4*time.Second, event.BotRole, "您的套餐每月18日扣费").
		closed(20 * time.Minute)
}

// having names the sessions that have a standing finding of a rule.
func (l *ledger) having(rule string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, id := range []string{"outside", "failing", "forged"} {
		for _, f := range l.findings {
			if f.SessionID == id && f.Rule == rule && f.Standing {
				out = append(out, id)
			}
		}
	}
	return strings.Join(out, " ")
}

func (l *ledger) said(t *testing.T, session string) warehouse.Interaction {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.interactions {
		if r.SessionID == session && r.Role == string(event.CustomerRole) {
			return r
		}
	}
	t.Fatalf("no text of the customer in session %s", session)
	return warehouse.Interaction{}
}

func TestAnOutsideClassifierIsHeardAndNotNeeded(t *testing.T) {
	const rule = "cn-human-unreachable"
	s := newStage(t, 1)
	s.produce(unheard(t, "outside", "我像在对着一堵墙说话，我电话13812345678").out...)
	s.produce(unheard(t, "failing", "转人工").out...)
	forged := unheard(t, "forged", "我的话费不对").out
	forged[1].Value = []byte(strings.TrimSuffix(string(forged[1].Value), "}") + `,"classified":{"by":"m-1","signals":["human_request"]}}`)
	s.produce(forged...)

	run := func(store *ledger, group string, c collector.Classifier) {
		t.Helper()
		o := s.options(store)
		o.Group, o.Classifier = group, c
		r := s.start(o)
		r.atRest()
		r.stop()
	}
	alone := newLedger()
	run(alone, "alone", nil)
	if got := alone.having(rule); got != "failing" {
		t.Errorf("without a classifier %s is found in: %s", rule, got)
	}
	if body := alone.said(t, "outside").Body; strings.Contains(body, "classified") {
		t.Errorf("nobody was asked, and stored is %s", body)
	}

	m := newModel(t)
	store := newLedger()
	run(store, "asking", m.client(t))
	if got := store.having(rule); got != "outside failing" {
		t.Errorf("with a classifier %s is found in: %s", rule, got)
	}
	for session, want := range map[string]string{
		"outside": `"classified":{"by":"m-1","signals":["human_request"]}`,
		"failing": `"classified":{"by":"m-1","failed":"http 500"}`,
		"forged":  `"classified":{"by":"m-1"}`,
	} {
		if row := store.said(t, session); !strings.Contains(row.Body, want) {
			t.Errorf("session %s: %s is not in what is stored: %s", session, want, row.Body)
		}
	}
	if extra := store.said(t, "forged").Extra; extra != `{"classified":{"by":"m-1","signals":["human_request"]}}` {
		t.Errorf("what the producer said is kept as %s", extra)
	}
	asked := m.questions()
	if len(asked) == 0 || strings.Contains(fmt.Sprint(asked), "13812345678") {
		t.Errorf("asked: %s", asked)
	}

	// A crash before the seal: everything is done again, and nobody is asked again.
	before := store.views()
	store.mu.Lock()
	store.seals = map[string]warehouse.Seal{}
	store.mu.Unlock()
	run(store, "again", m.client(t))
	if n := len(m.questions()); n != len(asked) {
		t.Errorf("asked %d times again", n-len(asked))
	}
	if d := differ(before, store.views()); d != "" {
		t.Errorf("done again it differs:\n%s", d)
	}

	// An event that comes late has the session folded anew, by the answers that are stored.
	m.Close()
	late := newTalk(t, "outside", noon).says(time.Second, event.BotRole, "请稍候").out[0]
	late.Value = []byte(strings.Replace(string(late.Value), `"outside-0"`, `"outside-late"`, 1))
	s.produce(late)
	run(store, "late", nil)
	if got := store.having(rule); got != "outside failing" || len(store.interactions) != 13 {
		t.Errorf("after a late event %s is found in: %s (%d events)", rule, got, len(store.interactions))
	}
}
