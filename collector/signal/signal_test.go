package signal

import (
	"bufio"
	"os"
	"strings"
	"sync"
	"testing"

	"mingjian/collector/event"
	"mingjian/policies"
)

var load = sync.OnceValues(func() (*Detector, error) {
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		return nil, err
	}
	return New(b.Lexicons)
})

func detector(t testing.TB) *Detector {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// utterances reads a table of testdata: first the verdict, then the text.
func utterances(t testing.TB, file string, verdicts int) [][]string {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows [][]string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "# ") {
			rows = append(rows, strings.SplitN(line, " ", verdicts+1))
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s is empty", file)
	}
	return rows
}

func TestEachUtteranceIsReadAsAPersonWould(t *testing.T) {
	d := detector(t)
	for _, tt := range []struct {
		file    string
		role    event.Role
		of      Set // the bits that the table is about
		atLeast int
	}{
		{"human_request.txt", event.CustomerRole, HumanRequest, 60},
		{"request_withdraw.txt", event.CustomerRole, RequestWithdraw, 1},
		{"request_decline.txt", event.CustomerRole, RequestDecline, 1},
		{"label.txt", event.BotRole, LabelFull | LabelIncomplete, 60},
		{"notice.txt", event.BotRole, Notice, 60},
		{"apology.txt", event.BotRole, Apology, 60},
		{"service.txt", event.AgentRole, Action | HandoffOffer | HandoffStart | Busy, 60},
	} {
		t.Run(tt.file, func(t *testing.T) {
			rows := utterances(t, tt.file, 1)
			if len(rows) < tt.atLeast {
				t.Errorf("only %d utterances", len(rows))
			}
			for _, row := range rows {
				var want Set
				switch row[0] {
				case "+":
					want = tt.of
				case "full":
					want = LabelFull
				case "incomplete":
					want = LabelIncomplete
				default:
					for i, name := range names {
						if strings.Contains("+"+row[0]+"+", "+"+name+"+") {
							want |= 1 << i
						}
					}
				}
				got := d.Detect(tt.role, row[1])
				of := tt.of
				if tt.file == "service.txt" && want&Action == 0 && want != 0 {
					of &^= Action // an offer may well be an action too
				}
				if got&of != want {
					t.Errorf("%s\n\tgot %v, want %v (as %q)", row[1], (got & of).Names(), want.Names(), normalise(nil, row[1]))
				}
			}
		})
	}
}

// Every detector that finds one thing has a table of its own: at least thirty texts, half of them such
// as hold the words and do not mean it.
func TestEachDetectorReadsItsTable(t *testing.T) {
	d := detector(t)
	for kind := KeywordRequest; kind <= OffersSupervisor; kind <<= 1 {
		name := kind.Names()[0]
		t.Run(name, func(t *testing.T) {
			role := event.CustomerRole
			if customerFinds&kind == 0 {
				role = event.BotRole
			}
			counts := map[string]int{}
			for _, row := range utterances(t, name+".txt", 1) {
				counts[row[0]]++
				if got := d.Detect(role, row[1]); got&kind != 0 != (row[0] == "+") {
					t.Errorf("%s %s\n\tfound %v (as %q)", row[0], row[1], got.Names(), normalise(nil, row[1]))
				}
			}
			if counts["+"]+counts["-"] < 30 || counts["-"] < 14 {
				t.Errorf("only %v utterances", counts)
			}
		})
	}
}

func TestInterface(t *testing.T) {
	d := detector(t)
	for _, row := range utterances(t, "interface.txt", 2) {
		label, notice := d.Interface(row[2])
		if string(label) != row[0] || notice != (row[1] == "notice") {
			t.Errorf("%s: got %s, notice %v; want %s, %s", row[2], label, notice, row[0], row[1])
		}
	}
	if label, notice := d.Interface(""); label != policies.NoLabel || notice {
		t.Errorf("nothing shown: %s, %v", label, notice)
	}
}
