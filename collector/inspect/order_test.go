package inspect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/session"
	"mingjian/policies"

	"pgregory.net/rapid"
)

// However a session's events arrive, however often they are repeated, whenever deadlines fire and
// whenever the worker is replaced, the same findings stand in the end, with the same facts.
func TestFindingsAreAFunctionOfTheSet(t *testing.T) {
	i := builtin(t)
	texts := []string{
		"您好，请问有什么可以帮您？", "转人工", "我要人工客服", "不用了，不用转人工了", "请先描述您的问题", "正在为您转接人工客服", "非常抱歉给您带来不便",
		"本服务由人工智能生成内容", "I am an AI assistant", "当前坐席全忙，请稍后再试", "前面还有3位", "好的，已为您办理退款",
	}
	kinds := []event.Kind{
		event.Message, event.Message, event.Message, event.Message, event.Message, event.HandoffRequested, event.HandoffQueued,
		event.HandoffAccepted, event.HandoffRejected, event.SessionOpened, event.SessionClosed,
	}
	roles := []event.Role{event.CustomerRole, event.BotRole, event.BotRole, event.AgentRole}
	gaps := []policies.Millis{0, 500, 4_000, 9_999, 10_001, 29_999, 30_001, 89_999, 90_001, session.IdleClose - 1, session.IdleClose + 1}

	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "events")
		at := start
		where := rapid.SampledFrom([]string{"CN", "ES", "", "US-CA"}).Draw(t, "jurisdiction")
		var set []Placed
		for k := range n {
			at += rapid.SampledFrom(gaps).Draw(t, "gap")
			e := &event.Event{ID: fmt.Sprint("e", k), SessionID: "s", At: at, Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
			e.Actor.Role = rapid.SampledFrom(roles).Draw(t, "role")
			if e.Kind == event.Message {
				e.Text = rapid.SampledFrom(texts).Draw(t, "text")
			}
			if rapid.IntRange(0, 4).Draw(t, "told") == 0 {
				age := 71
				e.Customer = &event.Customer{Age: &age, Jurisdiction: where}
				e.Entrance = &event.Entrance{}
			}
			set = append(set, Placed{e, int64(k)})
		}
		arrivals := rapid.Permutation(append(slices.Clone(set), set...)).Draw(t, "arrivals")

		ctx := context.Background()
		got := i.Open(set[0].Event)
		var stored []Placed
		for k, p := range arrivals {
			offset := p.Offset
			if _, seen := got.Seen.First(p.Event.ID); seen {
				offset = int64(n + k) // a repeat comes at an offset of its own
			}
			out, err := i.Next(ctx, got, p.Event, place(offset), func(context.Context) ([]Placed, error) { return inOrder(stored), nil })
			if err != nil {
				t.Fatal(err)
			}
			if !out.Repeat {
				stored = append(stored, p)
			}
			if rapid.IntRange(0, 3).Draw(t, "pause") == 0 {
				if _, err := i.Deadline(ctx, got); err != nil {
					t.Fatal(err)
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "crash") == 0 {
				data, err := got.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				got = new(session.State)
				if err := got.UnmarshalBinary(data); err != nil {
					t.Fatal(err)
				}
			}
		}
		want := i.Open(set[0].Event)
		for _, p := range inOrder(set) {
			if _, err := i.Next(ctx, want, p.Event, place(p.Offset), unread); err != nil {
				t.Fatal(err)
			}
		}
		finish(t, i, got)
		finish(t, i, want)
		a, b := standing(want), standing(got)
		if a != b {
			t.Fatalf("in order:\n%s\nas arrived:\n%s", a, b)
		}
		if fmt.Sprint(want.NotAssessed) != fmt.Sprint(got.NotAssessed) {
			t.Fatalf("not assessed in order %v, as arrived %v", want.NotAssessed, got.NotAssessed)
		}
	})
}

func inOrder(events []Placed) []Placed {
	return slices.SortedFunc(slices.Values(events), func(a, b Placed) int {
		return cmp.Or(cmp.Compare(a.Event.At, b.Event.At), cmp.Compare(a.Offset, b.Offset))
	})
}

// finish lets all deadlines come.
func finish(t *rapid.T, i *Inspector, s *session.State) {
	for s.Due != 0 {
		if _, err := i.Deadline(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func standing(s *session.State) string {
	out := ""
	for _, rule := range slices.Sorted(maps.Keys(s.Found)) {
		if f := s.Found[rule]; f.Standing {
			out += fmt.Sprintf("%s %d %s %s %s %s\n", rule, f.Finding.At, f.Finding.Subject, f.Finding.Severity, f.Finding.Status, f.Finding.Facts)
		}
	}
	return out
}
