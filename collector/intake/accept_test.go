package intake_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mingjian/collector/intake"
	"mingjian/collector/stream"
)

func TestAcceptTakesEveryForm(t *testing.T) {
	s := open(t)
	a, b := line("s-1", 1, "一"), line("s-1", 2, "二")
	total := 0
	for _, tt := range []struct {
		body, contentType string
		want              int
	}{
		{a, "application/json", 1},
		{strings.ReplaceAll(a, ",", ",\n"), "application/json", 1},
		{"[" + a + "," + b + "]", "application/json; charset=utf-8", 2},
		{a + "\n" + b, "application/x-ndjson", 2},
		{a + "\n\n" + b + "\n", "", 2},
	} {
		got, err := s.Accept(t.Context(), strings.NewReader(tt.body), tt.contentType, nil)
		if err != nil || got.Accepted != tt.want || len(got.Refused) != 0 {
			t.Errorf("%s: %+v, %v", tt.body, got, err)
		}
		if total += got.Accepted; len(s.messages(t)) != total {
			t.Errorf("%s: accepted, and not in the stream", tt.body)
		}
	}
}

func TestAcceptTellsOfEachItemAndTakesTheOthers(t *testing.T) {
	s := open(t)
	body := strings.Join([]string{
		line("s-1", 0, "好"), `{"event_id":"e-1","kind":"message"}`, `{"event_id":"e-2`, line("s-1", 3, strings.Repeat("a", 1<<20)), line("s-1", 4, "好"),
	}, "\n")
	got, err := s.Accept(t.Context(), strings.NewReader(body), "application/x-ndjson", nil)
	if err != nil || got.Accepted != 2 || len(got.Refused) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []intake.Refusal{
		{Index: 1, EventID: "e-1", Reason: "session_id", Detail: "session_id is missing"},
		{Index: 2, Reason: "json", Detail: "the message is cut off"},
		{Index: 3, Reason: "size", Detail: "message of 1,048,", TooBig: true},
	} {
		r := got.Refused[i]
		if r.Index != want.Index || r.EventID != want.EventID || r.Reason != want.Reason || r.TooBig != want.TooBig || !strings.HasPrefix(r.Detail, want.Detail) {
			t.Errorf("got %+v\nwant %+v", r, want)
		}
	}
	if in := s.messages(t); len(in) != 2 {
		t.Errorf("%d messages in the stream", len(in))
	}
}

func TestAcceptFailsAsAWholeWithNothingSent(t *testing.T) {
	s := open(t)
	a := line("s-1", 1, "一")
	for name, body := range map[string]string{"empty": "", "empty list": "[]", "cut list": "[" + a, "broken list": "[" + a + ",oops]", "more after the list": "[" + a + "]" + a} {
		if _, err := s.Accept(t.Context(), strings.NewReader(body), "application/json", nil); !errors.Is(err, intake.ErrUnreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bounded := http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader(a+"\n"+a)), int64(len(a)+5))
	var large *http.MaxBytesError
	if _, err := s.Accept(t.Context(), bounded, "", nil); !errors.As(err, &large) {
		t.Errorf("a body over its bound: %v", err)
	}
	if n := len(s.messages(t)); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	away := intake.NewProducer(stream.At("127.0.0.1:1"), topic)
	defer away.Close()
	if _, err := away.Accept(t.Context(), strings.NewReader(a), "", nil); !errors.Is(err, intake.ErrAway) {
		t.Errorf("away: %v", err)
	}
}

func TestAcceptTakesOnlyWhatTheSenderMayWrite(t *testing.T) {
	s := open(t)
	of := func(n int, names string) string {
		return fmt.Sprintf(`{"event_id":"e-%d","session_id":"s-1","ts":1700000000000,"kind":"message","actor":{"role":"customer"},%s"text":"好"}`, n, names)
	}
	body := strings.Join([]string{of(1, `"tenant":"acme",`), of(2, `"tenant":"other",`), of(3, ""), of(4, `"tenant":"acme","business_line":"loans",`)}, "\n")
	got, err := s.Accept(t.Context(), strings.NewReader(body), "application/x-ndjson", func(tenant, line string) string {
		if tenant != "acme" || line != "" {
			return "not " + tenant + "/" + line
		}
		return ""
	})
	if err != nil || got.Accepted != 1 || len(got.Refused) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []string{"not other/", "not /", "not acme/loans"} {
		if r := got.Refused[i]; r.Index != i+1 || r.Detail != want || r.Reason != string(intake.NotAllowed) {
			t.Errorf("got %+v, want %q", r, want)
		}
	}
	if in := s.messages(t); len(in) != 1 || !strings.Contains(string(in[0].Value), `"e-1"`) {
		t.Errorf("%d messages in the stream", len(in))
	}
}
