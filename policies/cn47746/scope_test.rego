package mingjian.cn47746.scope_test

import data.mingjian.cn47746.scope
import data.mingjian.fixture

test_in_force_from_the_first_of_september if {
	scope.in_force with input as fixture.changed({"opened": 1788192000000})
	not scope.in_force with input as fixture.changed({"opened": 1788191999999})
}
