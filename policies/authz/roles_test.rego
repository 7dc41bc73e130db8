package mingjian.authz_test

import data.mingjian.authz

# Who holds what is held in full by the table of routes and roles; here is what must never change unseen.
test_an_inspector_sees_masked_text_only if {
	count(authz.grants.inspector & {"originals:read", "exports:read", "exports:make", "exports:issue", "journal:read", "people:manage", "customers:erase", "records:hold"}) == 0
}

test_a_regulator_reads_the_rules_and_what_was_issued if {
	authz.grants.regulator == {"policies:read", "exports:issued", "account:own"}
}

test_a_source_only_writes if authz.grants.source == {"interactions:write"}

test_only_administrators_manage_people if {
	{role | some role, held in authz.grants; "people:manage" in held} == {"admin"}
}

test_the_administrator_holds_what_anybody_holds if {
	every held in authz.grants {
		every permission in held {
			permission in authz.grants.admin
		}
	}
}

test_who_erases if {
	{role | some role, held in authz.grants; "customers:erase" in held} == {"admin", "officer"}
}
