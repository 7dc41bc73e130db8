package inspect

import (
	"strings"
	"testing"

	"mingjian/collector/event"
)

func TestTheAnswerStoredWithAnEventCounts(t *testing.T) {
	i := builtin(t)
	for _, test := range []struct {
		name string
		text string
		said *event.Classified
		want string
	}{
		{"nobody was asked", "转人工", nil, "human_request keyword_request"},
		{"it found more", "换个活的来", &event.Classified{By: "m", Signals: []string{"human_request", "anger"}}, "human_request anger"},
		{"it found nothing", "转人工", &event.Classified{By: "m"}, ""},
		{"it failed", "转人工", &event.Classified{By: "m", Failed: "timeout"}, "human_request keyword_request"},
	} {
		e := says("e", 0, event.CustomerRole, test.text)
		e.Classified = test.said
		out, err := i.Next(t.Context(), i.Open(e), e, place(1), unread)
		if got := strings.Join(out.Signals.Names(), " "); err != nil || got != test.want {
			t.Errorf("%s: %q, want %q; %v", test.name, got, test.want, err)
		}
	}
}
