package mingjian.cn.day_test

import data.mingjian.cn.day

# 1791770400000 is 2026-10-12 10:00 in Beijing, 1792944000000 2026-10-26 00:00 there.
test_until_the_end_of_the_last_day if {
	day.after(1791770400000, 13) == 1792944000000
	day.after(1792943999999, 0) == 1792944000000
	day.after(1792944000000, 0) == 1793030400000
}
