package classify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mingjian/collector/event"
)

// endpoint is a model that answers what a test says.
type endpoint struct {
	*httptest.Server
	asked atomic.Int32
	last  atomic.Value // string: the newest question
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		e.last.Store(fmt.Sprintf("%s %s %s\n%s", r.Method, r.URL.Path, r.Header.Get("Authorization"), body))
		answer(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

// saying answers with a completion of that content.
func saying(content string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"message": map[string]any{"role": "assistant", "content": content}}}})
	}
}

func client(t *testing.T, o Options) *Client {
	t.Helper()
	o.Model = "m"
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnAnswerIsAskedForOnceAndHoldsOnlyKnownNames(t *testing.T) {
	s := serve(t, saying(`["human_request", "anger", "sunshine", "apology"]`))
	c := client(t, Options{URL: s.URL + "/v1/", Key: "k-1"})
	for range 2 {
		got := c.Classify(t.Context(), event.CustomerRole, "能不能换个活人")
		if want := (&event.Classified{By: "m", Signals: []string{"human_request", "anger"}}); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		got.Signals[0] = "spoilt" // whoever has an answer may change it
	}
	question := s.last.Load().(string)
	for _, want := range []string{"POST /v1/chat/completions Bearer k-1\n", `"model":"m"`, "能不能换个活人", "danger", "customer"} {
		if !strings.Contains(question, want) {
			t.Errorf("%q is not in the question:\n%s", want, question)
		}
	}
	// The same words are another question when the service says them, and have other answers.
	if got := c.Classify(t.Context(), event.BotRole, "能不能换个活人"); !reflect.DeepEqual(got.Signals, []string{"apology"}) {
		t.Errorf("said by the bot: %+v", got)
	}
	if strings.Contains(s.last.Load().(string), "human_request") || s.asked.Load() != 2 {
		t.Errorf("asked %d times, at last:\n%s", s.asked.Load(), s.last.Load())
	}
}

func TestAFailureIsMarkedAndNotRemembered(t *testing.T) {
	status := func(code int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		"no answer in time":      {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Timeout},
		"a broken server":        {status(500, "oops"), "http 500"},
		"a refusal that says so": {status(429, `{"error":{"message":"slow down","code":"rate"}}`), "http 429"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}, BadAnswer},
		"no JSON":       {status(200, "<html>"), BadAnswer},
		"no choice":     {status(200, `{"choices":[]}`), BadAnswer},
		"prose":         {saying("The customer wants a person."), BadAnswer},
		"another shape": {saying(`{"signals":["anger"]}`), BadAnswer},
		"null":          {saying("null"), BadAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.answer)
			o := Options{URL: s.URL}
			if test.want == Timeout {
				o.Timeout = time.Second // in which a busy machine has asked, too
			}
			c := client(t, o)
			for range 2 {
				if got := c.Classify(t.Context(), event.CustomerRole, "喂"); !reflect.DeepEqual(got, &event.Classified{By: "m", Failed: test.want}) {
					t.Errorf("got %+v, want it failed: %s", got, test.want)
				}
			}
			if s.asked.Load() != 2 {
				t.Errorf("asked %d times, want 2", s.asked.Load())
			}
		})
	}
	gone := serve(t, saying("[]"))
	gone.Close()
	if got := client(t, Options{URL: gone.URL}).Classify(t.Context(), event.CustomerRole, "喂"); got.Failed != Unreachable {
		t.Errorf("nobody there: %+v", got)
	}
}

func TestTheBudgetIsOfAMinute(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	s := serve(t, saying("[]"))
	c := client(t, Options{URL: s.URL, PerMinute: 2, Now: func() time.Time { return now }})
	failed := func(text string) string { return c.Classify(t.Context(), event.CustomerRole, text).Failed }
	got := []string{failed("a"), failed("b"), failed("c"), failed("a")} // what is remembered costs nothing
	now = now.Add(time.Minute)
	got = append(got, failed("c"))
	if want := []string{"", "", Budget, "", ""}; !reflect.DeepEqual(got, want) || s.asked.Load() != 3 {
		t.Errorf("got %q, want %q; asked %d times", got, want, s.asked.Load())
	}
}

func TestWhatIsNotAskedAbout(t *testing.T) {
	s := serve(t, saying("[]"))
	c := client(t, Options{URL: s.URL})
	for _, text := range []string{"", strings.Repeat("字", MaxText+1)} {
		if got := c.Classify(t.Context(), event.CustomerRole, text); got != nil {
			t.Errorf("%d bytes: %+v", len(text), got)
		}
	}
	if got := c.Classify(t.Context(), "", "喂"); got != nil {
		t.Errorf("by nobody known: %+v", got)
	}
	if s.asked.Load() != 0 {
		t.Errorf("asked %d times", s.asked.Load())
	}
	if got := c.Classify(t.Context(), event.CustomerRole, strings.Repeat("字", MaxText)); got == nil || got.Failed != "" {
		t.Errorf("the longest text: %+v", got)
	}
}

func TestOnceTheCallersTimeIsOverNothingIsAsked(t *testing.T) {
	s := serve(t, saying("[]"))
	c := client(t, Options{URL: s.URL})
	ctx, cancel := context.WithCancel(t.Context())
	c.Classify(ctx, event.CustomerRole, "known")
	cancel()
	if got := c.Classify(ctx, event.CustomerRole, "known"); got.Failed != "" {
		t.Errorf("remembered: %+v", got)
	}
	if got := c.Classify(ctx, event.CustomerRole, "new"); got.Failed != Timeout || s.asked.Load() != 1 {
		t.Errorf("new: %+v, asked %d times", got, s.asked.Load())
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	for _, o := range []Options{
		{}, {URL: "models.example.com", Model: "m"}, {URL: "ftp://models.example.com", Model: "m"}, {URL: "https://u:p@models.example.com", Model: "m"},
		{URL: "https://models.example.com/v1?key=k", Model: "m"}, {URL: "https://models.example.com/v1"},
		{URL: "https://models.example.com/v1", Model: "m", PerMinute: -1},
	} {
		if _, err := New(o); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
