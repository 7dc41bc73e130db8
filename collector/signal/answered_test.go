package signal

import (
	"testing"

	"mingjian/collector/event"
)

func TestAnOutsideAnswerTakesThePlaceOfWhatItMayAnswer(t *testing.T) {
	for _, test := range []struct {
		name  string
		role  event.Role
		found Set
		says  []string
		want  Set
	}{
		{"adds", event.CustomerRole, Question, []string{"human_request"}, Question | HumanRequest},
		{"takes away", event.CustomerRole, Anger | Goodbye, nil, Goodbye},
		{"a keyword goes with the request", event.CustomerRole, HumanRequest | KeywordRequest, nil, 0},
		{"a keyword stays with the request", event.CustomerRole, HumanRequest | KeywordRequest, []string{"human_request"}, HumanRequest | KeywordRequest},
		{"a request is no withdrawal", event.CustomerRole, RequestWithdraw | RequestDecline, []string{"human_request"}, HumanRequest},
		{"what it may not answer", event.CustomerRole, 0, []string{"goodbye", "keyword_request", "apology", "no such"}, 0},
		{"a label has one form", event.BotRole, AsksOrder, []string{"label_full", "label_incomplete"}, AsksOrder | LabelFull},
		{"the service does not request", event.AgentRole, Apology | Hold, []string{"human_request", "fallback"}, Hold | Fallback},
		{"nobody known", "", 0, []string{"human_request", "apology"}, 0},
	} {
		if got := test.found.Answered(test.role, Named(test.says)); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got.Names(), test.want.Names())
		}
	}
	for _, s := range []Set{0, HumanRequest, OffersSupervisor | Goodbye | Apology} {
		if got := Named(s.Names()); got != s {
			t.Errorf("%v is read back as %v", s.Names(), got.Names())
		}
	}
}
