# METADATA
# title: Review sampling
# description: >-
#   How many sessions of a lot people review, how many defective ones the lot may have, and how
#   strictly the stratum's next lots are looked at: single sampling by attributes after
#   GB/T 2828.1-2012 (ISO 2859-1:1999). The tables are data (tables.yaml, as
#   data.mingjian.tables). Input of plan: lot_size, level, aql, state. Input of next: state, score,
#   steady, aql, and history: the lots decided since the state was entered, oldest first, the last one
#   being the lot that was just decided, each {accepted, letter, ac, defective}.
package mingjian.sampling

import data.mingjian.tables

# The states are normal, tightened, reduced and stopped. Where sampling was stopped every session is
# looked at until a person lets sampling begin again.
plan := {"letter": "", "n": input.lot_size, "ac": 0, "re": 1} if input.state == "stopped"

# A sample as large as the lot is the whole lot.
plan := {
	"letter": row.letter,
	"n": min([row.n, input.lot_size]),
	"ac": row.ac[column],
	"re": row.ac[column] + 1,
}

# The code letter for the lot's size (Table 1).
lot_row := max({i | some i, r in tables.lots; r.from <= input.lot_size})

letter := tables.lots[lot_row].letters[input.level]

# The first column only says what one step tighter is.
column := i if {
	some i, a in tables.aql
	a == input.aql
	i > 0
}

# Where an arrow stands the next plan of the column applies, with its own sample.
rows := tables[input.state]

start := i if {
	some i, r in rows
	r.letter == letter
}

plans := {i | some i, r in rows; is_number(r.ac[column])}

row := rows[start] if start in plans

row := rows[min({i | some i in plans; i > start})] if rows[start].ac[column] == "down"

row := rows[max({i | some i in plans; i < start})] if rows[start].ac[column] == "up"

# The lot that was just decided, and those around it.
last := input.history[count(input.history) - 1]

rejected := count([h | some h in input.history; h.accepted == false])

lately(n) := array.slice(input.history, max([0, count(input.history) - n]), count(input.history))

failed_lately := count([h | some h in lately(tables.switching.within); h.accepted == false])

passed_lately := count([h | some h in lately(tables.switching.restore); h.accepted == true])

# What a lot adds to the switching score (9.3.3.2): 2 where it is accepted with Ac 0 or 1, 3 where it
# would be accepted even with the AQL one step tighter.
default credit := 0

credit := 2 if {
	last.ac < 2
	last.accepted == true
}

credit := 3 if {
	last.ac > 1
	some r in tables.normal
	r.letter == last.letter
	last.defective <= r.ac[column - 1]
}

default score := 0

score := input.score + credit if credit > 0

# Each state has one way to go on; where none of them holds the state stays.
default switched := ""

switched := "tightened" if {
	input.state == "normal"
	failed_lately >= tables.switching.reject
}

switched := "reduced" if {
	input.state == "normal"
	input.steady == true
	score >= tables.switching.score
}

switched := "normal" if {
	input.state == "tightened"
	passed_lately >= tables.switching.restore
}

switched := "stopped" if {
	input.state == "tightened"
	rejected >= tables.switching.stop
}

switched := "normal" if {
	input.state == "reduced"
	last.accepted == false
}

switched := "normal" if {
	input.state == "reduced"
	input.steady == false
}

next := {"state": switched, "score": 0} if switched != ""

next := {"state": input.state, "score": score} if {
	switched == ""
	input.state == "normal"
}

next := {"state": input.state, "score": 0} if {
	switched == ""
	input.state != "normal"
}
