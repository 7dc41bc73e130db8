package session

import (
	"fmt"
	"os"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

func pressed(at float64, menu event.Menu) step {
	return does(at, event.MenuStep, by(customer), func(e *event.Event) { e.Menu = &menu })
}

func TestMenu(t *testing.T) {
	number := signal.AsksOrder
	for title, c := range map[string]struct {
		steps   []step
		levels  []int
		presses []string
	}{
		"no menu": {steps: []step{says(1, bot, 0)}},
		"deeper and back": {
			steps:   []step{pressed(1, event.Menu{Level: 1, Pressed: "1"}), pressed(2, event.Menu{Level: 3, Pressed: "2"}), pressed(3, event.Menu{Level: 2, Pressed: "*"}), pressed(4, event.Menu{Level: 4})},
			levels:  []int{1, 3, 4},
			presses: []string{"e1", "e2", "e3"},
		},
		"a level that is not reported": {steps: []step{pressed(1, event.Menu{Pressed: "1"})}, presses: []string{"e1"}},
		"a number is one press": {
			steps:   []step{pressed(1, event.Menu{Level: 1, Pressed: "1"}), pressed(2, event.Menu{Level: 2, Pressed: "110101196601011234#"})},
			levels:  []int{1, 2},
			presses: []string{"e1", "e2"},
		},
		"a number that comes digit by digit, where one was asked for": {
			steps: []step{
				says(1, system, number), pressed(2, event.Menu{Level: 1, Pressed: "4"}), pressed(3, event.Menu{Level: 1, Pressed: "0"}), pressed(4, event.Menu{Level: 1, Pressed: "#"}),
				pressed(5, event.Menu{Level: 2, Options: []string{"1 退款"}, Pressed: "1"}), pressed(6, event.Menu{Level: 2, Pressed: "2"}),
				says(7, bot, number), pressed(8, event.Menu{Pressed: "4"}), says(9, bot, 0), pressed(10, event.Menu{Pressed: "4"}), pressed(11, event.Menu{Pressed: "4"}),
			},
			levels:  []int{1, 2},
			presses: []string{"e2", "e5", "e6", "e8", "e10", "e11"},
		},
		"until a person is there": {
			steps:   []step{pressed(1, event.Menu{Level: 1, Pressed: "0"}), does(2, event.HandoffAccepted, by(agent)), pressed(60, event.Menu{Level: 2, Pressed: "5"})},
			levels:  []int{1},
			presses: []string{"e1"},
		},
		"not for a machine": {
			steps:   []step{automatedStep(does(1, event.HandoffAccepted, by(agent))), pressed(60, event.Menu{Level: 2, Pressed: "5"})},
			levels:  []int{2},
			presses: []string{"e2"},
		},
	} {
		t.Run(title, func(t *testing.T) {
			var levels []int
			var presses []string
			if m := folded(t, c.steps...).Facts.Menu; m != nil {
				for _, l := range m.Levels {
					levels = append(levels, l.Level)
				}
				for _, p := range m.Presses {
					presses = append(presses, p.ID)
				}
			}
			if fmt.Sprint(levels, presses) != fmt.Sprint(c.levels, c.presses) {
				t.Errorf("got %v %v, want %v %v", levels, presses, c.levels, c.presses)
			}
		})
	}
}

func TestMenuOffersAPerson(t *testing.T) {
	b, err := policies.Load(os.DirFS("../../policies"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := signal.New(b.Lexicons)
	if err != nil {
		t.Fatal(err)
	}
	type human struct {
		id, key         string
		level, position int
		shared          string
	}
	for title, c := range map[string]struct {
		menus []event.Menu
		want  human
	}{
		"none":                   {menus: []event.Menu{{Level: 1, Options: []string{"1 话费查询", "2 宽带办理"}}}},
		"first":                  {menus: []event.Menu{{Level: 1, Options: []string{"0 人工服务", "1 话费查询"}, HumanKey: "0"}}, want: human{"e1", "0", 1, 1, ""}},
		"last":                   {menus: []event.Menu{{Level: 1, Options: []string{"1 话费查询", "2 宽带办理", "人工服务请按0"}}}, want: human{"e1", "0", 1, 3, ""}},
		"in the second level":    {menus: []event.Menu{{Level: 1, Options: []string{"1 话费查询"}}, {Level: 2, Options: []string{"按9转人工"}}}, want: human{"e2", "9", 2, 1, ""}},
		"key without options":    {menus: []event.Menu{{Level: 1, HumanKey: "0"}}, want: human{"e1", "0", 1, 0, ""}},
		"words without a key":    {menus: []event.Menu{{Level: 1, Options: []string{"话费", "人工服务"}}}, want: human{"e1", "", 1, 2, ""}},
		"shared in one menu":     {menus: []event.Menu{{Level: 1, Options: []string{"0 人工服务", "0 重听"}, HumanKey: "0"}}, want: human{"e1", "0", 1, 1, "e1"}},
		"shared in a later menu": {menus: []event.Menu{{Level: 1, Options: []string{"0 人工服务"}}, {Level: 2, Options: []string{"1 详单", "0 返回上级"}}}, want: human{"e1", "0", 1, 1, "e2"}},
		"two ways to a person":   {menus: []event.Menu{{Level: 1, Options: []string{"0 人工服务", "0 转人工坐席"}}}, want: human{"e1", "0", 1, 1, ""}},
		"the same in both":       {menus: []event.Menu{{Level: 1, Options: []string{"0 人工服务"}}, {Level: 2, Options: []string{"1 详单", "0 转人工"}}}, want: human{"e1", "0", 1, 1, ""}},
		"a number that is a name": {
			menus: []event.Menu{{Level: 1, Options: []string{"5 人工服务", "5G套餐办理", "10元流量包"}}}, want: human{"e1", "5", 1, 1, ""},
		},
		"in English": {menus: []event.Menu{{Level: 1, Options: []string{"press 1 for billing", "press 0 to speak to an agent"}}}, want: human{"e1", "0", 1, 2, ""}},
	} {
		t.Run(title, func(t *testing.T) {
			s := New("s", "")
			for i, m := range c.menus {
				e := event.Event{ID: fmt.Sprint("e", i+1), SessionID: "s", At: at(float64(i)), Kind: event.MenuStep, Menu: &m}
				s.Fold(&e, Order{e.At, int64(i)}, 0, d)
			}
			m := s.Facts.Menu
			if got := (human{m.Human, m.HumanKey, m.HumanLevel, m.HumanPosition, m.Shared}); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestEndlessMenu(t *testing.T) {
	var steps []step
	for i := range 100 {
		steps = append(steps, pressed(float64(i), event.Menu{Level: i + 1, Pressed: "1"}))
	}
	m := folded(t, steps...).Facts.Menu
	if len(m.Levels) != maxMenuLevels || len(m.Presses) != maxMenuPresses {
		t.Errorf("%d levels and %d presses are kept", len(m.Levels), len(m.Presses))
	}
}
