package mingjian.sampling_test

import data.mingjian.sampling

# Three letters and four columns, built as the standard's tables are; the first column only says what
# is one step tighter.
tables := {
	"lots": [
		{"from": 1, "letters": {"I": "A", "II": "A"}},
		{"from": 10, "letters": {"I": "A", "II": "B"}},
		{"from": 100, "letters": {"I": "B", "II": "C"}},
	],
	"aql": ["0.5", "1", "2", "4"],
	"normal": [
		{"letter": "A", "n": 2, "ac": ["down", "down", 0, "up"]},
		{"letter": "B", "n": 20, "ac": ["down", 0, "up", 3]},
		{"letter": "C", "n": 50, "ac": [1, 2, 3, "up"]},
	],
	"tightened": [
		{"letter": "A", "n": 3, "ac": ["down", "down", 0, 0]},
		{"letter": "B", "n": 20, "ac": ["down", 0, 1, 1]},
		{"letter": "C", "n": 50, "ac": [0, 1, 2, 3]},
	],
	"reduced": [
		{"letter": "A", "n": 2, "ac": ["down", 0, 0, 1]},
		{"letter": "B", "n": 8, "ac": [0, 0, 1, 1]},
		{"letter": "C", "n": 20, "ac": [0, 1, 2, 3]},
	],
	"switching": {"reject": 2, "within": 5, "restore": 5, "stop": 5, "score": 30},
}

asked(size, level, aql, state) := got if {
	got := sampling.plan with input as {"lot_size": size, "level": level, "aql": aql, "state": state}
		with data.mingjian.tables as tables
}

test_lot_size_gives_the_letter if {
	asked(100, "II", "1", "normal") == {"letter": "C", "n": 50, "ac": 2, "re": 3}
	asked(99, "II", "1", "normal") == {"letter": "B", "n": 20, "ac": 0, "re": 1}
}

test_level_gives_the_letter if {
	asked(5000, "I", "1", "normal").letter == "B"
}

test_state_gives_the_table if {
	asked(5000, "II", "2", "tightened") == {"letter": "C", "n": 50, "ac": 2, "re": 3}
	asked(5000, "II", "2", "reduced") == {"letter": "C", "n": 20, "ac": 2, "re": 3}
}

test_arrow_down_takes_the_larger_sample if {
	asked(9, "II", "1", "normal") == {"letter": "B", "n": 9, "ac": 0, "re": 1}
}

# Two plans lie below the arrow, and the nearer one applies.
test_arrow_down_takes_the_nearest if {
	asked(500, "I", "2", "normal") == {"letter": "A", "n": 2, "ac": 0, "re": 1}
}

test_arrow_up_takes_the_nearest_above if {
	asked(100, "II", "4", "normal") == {"letter": "B", "n": 20, "ac": 3, "re": 4}
}

test_sample_is_at_most_the_lot if {
	asked(12, "II", "1", "normal").n == 12
}

test_stopped_looks_at_every_session if {
	asked(700, "II", "1", "stopped") == {"letter": "", "n": 700, "ac": 0, "re": 1}
}

test_first_column_is_not_for_lots if {
	not asked(100, "II", "0.5", "normal")
	not asked(100, "II", "7", "normal")
}

lot(accepted, ac, defective) := {"accepted": accepted, "letter": "C", "ac": ac, "defective": defective}

good := lot(true, 1, 0)

bad := lot(false, 1, 2)

after(state, score, steady, history) := got if {
	got := sampling.next with input as {"state": state, "score": score, "steady": steady, "aql": "1", "history": history}
		with data.mingjian.tables as tables
}

test_two_of_five_tighten if {
	after("normal", 4, true, [bad, good, good, good, bad]) == {"state": "tightened", "score": 0}
	after("normal", 0, true, [bad, bad]) == {"state": "tightened", "score": 0}
}

test_two_of_six_do_not_tighten if {
	after("normal", 8, true, [bad, good, good, good, good, bad]) == {"state": "normal", "score": 0}
}

test_one_bad_lot_does_not_tighten if {
	after("normal", 10, true, [good, bad]) == {"state": "normal", "score": 0}
}

test_accepted_lots_with_small_numbers_add_two if {
	after("normal", 10, true, [good]) == {"state": "normal", "score": 12}
}

test_lots_that_pass_a_tighter_limit_add_three if {
	after("normal", 10, true, [lot(true, 2, 1)]) == {"state": "normal", "score": 13}
}

test_lots_that_fail_a_tighter_limit_begin_again if {
	after("normal", 10, true, [lot(true, 2, 2)]) == {"state": "normal", "score": 0}
}

# The tighter limit is looked up where the plan was: under letter B it would be none at all.
test_tighter_limit_is_that_of_the_letter if {
	after("normal", 10, true, [object.union(lot(true, 2, 1), {"letter": "none"})]) == {"state": "normal", "score": 0}
}

test_thirty_points_reduce if {
	after("normal", 28, true, [good]) == {"state": "reduced", "score": 0}
}

test_twenty_nine_points_do_not_reduce if {
	after("normal", 27, true, [good]) == {"state": "normal", "score": 29}
}

test_unsteady_is_not_reduced if {
	after("normal", 28, false, [good]) == {"state": "normal", "score": 30}
}

test_five_good_lots_restore if {
	after("tightened", 0, true, [bad, good, good, good, good, good]) == {"state": "normal", "score": 0}
}

test_four_good_lots_do_not_restore if {
	after("tightened", 0, true, [good, good, good, good]) == {"state": "tightened", "score": 0}
	after("tightened", 0, true, [good, bad, good, good, good, good]) == {"state": "tightened", "score": 0}
}

test_five_bad_lots_stop if {
	after("tightened", 0, true, [bad, good, bad, good, bad, good, bad, good, bad]) == {"state": "stopped", "score": 0}
}

test_four_bad_lots_do_not_stop if {
	after("tightened", 0, true, [bad, bad, bad, bad]) == {"state": "tightened", "score": 0}
}

test_many_good_lots_stay_reduced if {
	after("reduced", 0, true, [good, good, good, good, good, good]) == {"state": "reduced", "score": 0}
}

test_a_bad_lot_ends_reduced if {
	after("reduced", 0, true, [good, bad]) == {"state": "normal", "score": 0}
}

test_unsteady_ends_reduced if {
	after("reduced", 0, false, [good]) == {"state": "normal", "score": 0}
}

test_stopped_stays if {
	after("stopped", 0, true, [good, good, good, good, good]) == {"state": "stopped", "score": 0}
	after("stopped", 0, false, [bad, bad, bad, bad, bad]) == {"state": "stopped", "score": 0}
}
