package policies_test

import (
	"fmt"
	"reflect"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"mingjian/policies"
)

// shapes are conditions that a guard could easily misread.
var shapes = []string{
	`denied(input.session.accessible)`,
	`not denied(input.session.accessible)`,
	`input.session.accessible == nothing(1)`,
	`some wait in input.session.human.waits
	due_back
	wait.joined_at > 0`,
	`some wait in input.session.human.waits
	some callback in input.session.callbacks
	wait.asked == callback.id`,
	`not chained`,
	`chained`,
	`"e-1" in {"e-1", input.session.entrance.told}`,
	`not "e-1" in {"e-1", input.session.entrance.told}`,
	`some 1, wait in input.session.human.waits
	wait.asked_at > 0`,
	`not count(input.session.complaints.filed) > 1`,
	`count(input.session.human.waits) == 2`,
	`not usual`,
	`usual`,
	`texts := 5
	texts > 3`,
	`waits := input.session.human.waits
	not waits[0].joined_at > 0`,
	`count(named) == 0`,
	`count(named) > 0`,
	`input.session.elder == null`,
	`not input.session.elder`,
	`input.session.resolved != false`,
	`input.session.entrance.notice != true`,
	`not input.session.entrance.notice == true`,
	`min([wait.asked_at | some wait in input.session.human.waits]) > 0`,
	`[wait | some wait in input.session.human.waits; wait.ended_at == 0][0].asked_at >= 0`,
	`every wait in input.session.human.waits { wait.joined_at == 0 }`,
	`input.session.channel in {"phone", "app"}
	not input.session.industry in {"telecom", "bank"}`,
	`input.session.opened + 1000 > input.now`,
	`some wait in input.session.human.waits
	limit(wait) > input.now
	not met(wait)`,
	`not limit(input.session.human.waits[0]) > input.now`,
	`some wait in input.session.human.waits
	wait.waited_ms * 2 >= limit(wait) - wait.asked_at`,
	`late := lateness(input.session.human)
	late.ms > 0`,
	`waiting[0]
	input.session.elder == null`,
	`input.session.human.waits[1]`,
	`min(first_places)[0] > 0`,
	`count(first_places) == 0`,
	`every wait in input.session.human.waits { not met(wait) }`,
	`some wait in input.session.human.waits
	broken := breach(wait)
	broken.at > 0`,
	`state.form == "open"`,
	`shadowed(input.session.bot.texts)`,
	`input.session.opened >= input.now`,
	`input.tenant.failure_threshold == null`,
	`not input.tenant.large_business`,
	`count(lacking(input.session.entrance)) > 0`,
	`not count(lacking(input.session.entrance)) > 0`,
	`count(lacking(input.session.entrance)) == 0`,
	`some what, told in input.session.entrance
	told == true`,
	`some what, told in input.session.access
	what == "unknown"`,
	`some wait in input.session.human.waits
	falls_due(wait) > input.now`,
	`some wait in input.session.human.waits
	not input.now >= falls_due(wait)`,
	`some wait in input.session.human.waits
	half_known(wait) > input.now`,
	`not waiting[0]`,
	`missed := input.session.escalation.keyword
	missed.event == ""
	missed.missed_at == 0
	input.session.escalation.keyword.n == 0`,
	`true`,
	`not true`,
	`table[input.session.channel].n > 1`,
	`not table[input.session.channel]`,
	`some entry in entries(input.session.channel)
	input.session.opened >= entry.since`,
	`count(entries(input.session.channel)) > 0`,
	`latest := max([input.session.opened, input.session.closed])
	latest > input.session.opened`,
	`min([input.session.opened, input.session.closed]) < input.session.opened`,
	`not max([input.session.opened, input.session.entrance.told_at]) > input.session.opened`,
	`longest * 1000 > input.session.closed - input.session.opened`,
	`served == "human"`,
	`not served == "human"`,
	`chosen_by[0] <= input.now`,
	`not chosen_by[0] <= input.now`,
	`some wait in input.session.human.waits
	limit_of_day := ending(wait.asked_at, 2)
	limit_of_day > input.now`,
	`some wait in input.session.human.waits
	not over(wait, ending(wait.asked_at, 0))`,
	`min({falling(wait) | some wait in input.session.human.waits})[0] <= input.now`,
	`some outburst in input.session.outbursts
	outburst.emotion > 80`,
	`input.session.entrance.told_at % 1000 > 500`,
	`falling(input.session.human.waits[0])[0] > 0`,
}

const shapedRules = `
lacking(entrance) := [what | some what, told in entrance; told == false]

table := {"phone": {"n": 1, "since": 0}, "app": {"n": 2, "since": 0}, "web": {"n": 3, "since": 0}}

own := {"n": 9, "since": 0}

entries(channel) := {own} if {
	channel == "web"
} else := listed | numbered

listed contains entry if entry := table[input.session.channel]

numbered contains entry if {
	entry := table[input.session.channel]
	input.session.industry == "telecom"
}

longest := 60 if input.session.channel in {"app", "web"}

longest := 10 if {
	input.session.channel == "phone"
	input.session.bot.texts < 2
}

default served := "machine"

served := "human" if input.session.closed_by == "agent"

chosen_by := [limit_of(input.session.human.waits[0]), ""] if input.session.accessible

chosen_by := [input.session.closed, input.session.closed_id] if {
	not input.session.accessible
	input.session.closed > 0
}

limit_of(wait) := wait.asked_at + 7000

ending(at, n) := (at - ((at + 28800000) % 86400000)) + ((n + 1) * 86400000)

over(wait, at) if {
	wait.ended_at > 0
	wait.ended_at <= at
}

falling(wait) := [wait.refused_at, "refused"] if wait.refused_at > 0

falling(wait) := [wait.ended_at, "ended"] if {
	wait.refused_at == 0
	wait.ended_at > 0
}

falls_due(wait) := wait.asked_at + 60000 if {
	wait.refused_at > 0
} else := mingjian.working_days_after(input.tenant.calendar, wait.asked_at, 1) if {
	wait.joined_at > 0
} else := wait.asked_at + 1000

half_known(wait) := wait.asked_at + 60000 if {
	wait.refused_at > 0
} else := wait.asked_at * 2 if {
	wait.joined_at > 0
}

limit(wait) := wait.asked_at + (7 * 1000)

met(wait) if {
	wait.joined_at > 0
	wait.joined_at <= limit(wait)
}

lateness(human) := {"ms": input.now - human.waits[0].asked_at} if {
	some wait in human.waits
	wait.joined_at == 0
}

waiting := [wait | some wait in input.session.human.waits; wait.joined_at == 0]

first_places contains [wait.asked_at, wait.asked, input.session.contact.no_human_at] if {
	some wait in input.session.human.waits
	wait.ended_at > 0
}

breach(wait) := {"at": limit(wait)} if {
	input.now >= limit(wait)
	not met(wait)
}

state := {"form": form, "at": chosen.at} if input.session.channel != "phone"

form := "open" if input.session.closed == 0

chosen := {"at": input.session.human.waits[0].asked_at} if {
	input.session.human.waits[0].asked_at > 0
} else := {"at": input.session.closed} if {
	input.session.closed > 0
}

shadowed(form) if {
	limit := form + 1
	limit > 2
}

denied(x) if not x

nothing(_) := false

due_back if {
	some callback in input.session.callbacks
	callback.due > 0
}

chained := false if {
	input.session.accessible
} else := true if {
	input.session.bot.texts >= 0
}

default usual := false

usual if input.session.bot.texts > 1

named contains wait.asked if {
	some wait in input.session.human.waits
	wait.joined_at > 0
}
`

// The offsets lead where reflection does, whatever else begins on the same way.
func TestPlacesLieWhereReflectionFindsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts().Draw(t, "facts")
		if wrong, seen := policies.Misplaced(f); len(wrong) > 0 || seen < reflect.TypeFor[policies.Facts]().NumField() {
			t.Fatalf("%d places, and these are wrong: %v", seen, wrong)
		}
	})
}

// Each shape, alone in a topic: with its guard it says what it says without.
func TestGuardsReadEveryShape(t *testing.T) {
	files := shipped(t)
	topic := string(files["quality/apology.rego"].Data) + shapedRules
	for i, shape := range shapes {
		topic += fmt.Sprintf("\nnot_assessable contains {\"id\": \"q-apology-loop\", \"reason\": \"shape %d\"} if {\n\t%s\n}\n", i, shape)
	}
	files["quality/apology.rego"] = &fstest.MapFile{Data: []byte(topic)}
	b, err := policies.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	guarded, err := policies.NewEngine(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	open, err := policies.Unguarded(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		in := policies.Input{
			Session: anyFacts().Draw(t, "facts"), Tenant: "t", Changed: policies.AllFields,
			Now: rapid.Int64Range(opened, opened+400_000).Draw(t, "now"),
		}
		want, err := open.Check(ctx, &in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := guarded.Check(ctx, &in)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := about(got, want), about(want, got); !reflect.DeepEqual(g.not, w.not) {
			t.Fatalf("with guards %v\nwithout %v", g.not, w.not)
		}
		// One rule that only OPA can judge hides what the guards of the others say, so each is looked at by itself.
		holds := map[string]bool{}
		for _, n := range want.NotAssessable {
			holds[n.Reason] = true
		}
		for reason, said := range guarded.Judged("quality/apology", &in) {
			if said < 0 && holds[reason] || said > 0 && !holds[reason] {
				t.Fatalf("%s: the guard says %d, OPA %v", reason, said, holds[reason])
			}
		}
	})
}
