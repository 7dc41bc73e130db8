# METADATA
# title: When the standard applies
# description: GB/T 47746-2026 is in force since 2026-09-01; a session opened before is not held to it.
package mingjian.cn47746.scope

# in_force: the session was opened on that day or later, by Beijing time.
in_force if input.session.opened >= 1788192000000
