# METADATA
# title: Counting days
# description: >-
#   A limit of days does not count the day on which it begins, and is met until the end of its last day
#   (Civil Code, arts 201 and 203). Days are those of Beijing time, which the whole country keeps.
package mingjian.cn.day

# after is the end of the n-th day after the day of a moment.
after(at, n) := (at - ((at + 28800000) % 86400000)) + ((n + 1) * 86400000)
