package mingjian.authz_test

import data.mingjian.authz

asked := {
	"principal": {"id": "li", "roles": ["officer"], "tenants": [], "lines": [], "scopes": null},
	"permission": "cases:assess",
	"resource": {"tenant": null, "business_line": null},
}

but(changes) := object.union(asked, changes)

acme := {"tenants": ["acme", "beta"], "lines": ["broadband"]}

test_a_role_holds_it if authz.allow with input as asked

test_another_role_does_not if not authz.allow with input as but({"principal": {"roles": ["viewer"]}})

test_one_of_several_roles_is_enough if {
	authz.allow with input as but({"principal": {"roles": ["viewer", "officer"]}})
}

test_nobody_and_unknown_roles_hold_nothing if {
	not authz.allow with input as but({"principal": {"roles": []}})
	not authz.allow with input as but({"principal": {"roles": ["root"]}})
	not authz.allow with input as but({"permission": "everything"})
	not authz.allow with input as {}
}

test_public_is_for_nobody_too if {
	authz.allow with input as {"permission": "public"}
}

test_a_token_does_what_it_is_for if {
	authz.allow with input as but({"principal": {"scopes": ["cases:assess"]}})
	authz.allow with input as but({"principal": {"scopes": ["cases"]}})
	not authz.allow with input as but({"principal": {"scopes": []}})
	not authz.allow with input as but({"principal": {"scopes": ["cases:read"]}})
	not authz.allow with input as but({"principal": {"scopes": ["case"]}})
	not authz.allow with input as but({"principal": {"scopes": [""]}})
	not authz.allow with input as but({"principal": {"scopes": ["cases:"]}})
	not authz.allow with input as object.union(asked, {"permission": "a:b:c", "principal": {"scopes": ["a:b"]}})
}

test_a_token_is_no_wider_than_its_owner if {
	not authz.allow with input as but({"principal": {"roles": ["viewer"], "scopes": ["cases"]}})
}

test_scopes_that_are_not_said_are_none if {
	not authz.allow with input as json.remove(asked, ["principal/scopes"])
}

test_a_scope_is_a_noun_or_a_permission if {
	not authz.in_scope with input as {"permission": "a:b:c", "principal": {"scopes": ["a:b"]}}
	authz.in_scope with input as {"permission": "a:b:c", "principal": {"scopes": ["a"]}}
}

test_all_tenants_and_lines if {
	authz.allow with input as but({"resource": {"tenant": "acme", "business_line": "any"}})
	authz.sees with input as but({"resource": {"tenant": "acme", "business_line": "any"}})
}

test_its_tenants_and_lines if {
	authz.allow with input as but({"principal": acme, "resource": {"tenant": "beta", "business_line": "broadband"}})
	authz.allow with input as but({"principal": acme, "resource": {"tenant": "acme"}})
	authz.allow with input as but({"principal": acme})
}

test_no_others if {
	not authz.allow with input as but({"principal": acme, "resource": {"tenant": "default", "business_line": "broadband"}})
	not authz.sees with input as but({"principal": acme, "resource": {"tenant": "default"}})
	not authz.allow with input as but({"principal": acme, "resource": {"tenant": "acme", "business_line": "mobile"}})
	not authz.allow with input as but({"principal": acme, "resource": {"tenant": "", "business_line": "broadband"}})
}

test_tenants_that_are_not_said_are_none if {
	not authz.allow with input as json.remove(asked, ["principal/tenants"])
	not authz.allow with input as but({"principal": {"lines": null}})
	not authz.allow with input as json.remove(asked, ["resource/tenant"])
}
