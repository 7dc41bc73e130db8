# METADATA
# title: Who may do what
# description: >-
#   Whether a principal may do what a permission names, to what belongs to a tenant and a business line.
#   Input: principal {id, roles, tenants, lines, scopes}, permission, resource {tenant, business_line}.
#   No tenants or lines mean all of them; scopes are null where somebody acts in person, and otherwise
#   what their token is for; a resource's tenant or line is null where the question is not about one.
#   What is not said in the input is not allowed.
package mingjian.authz

default allow := false

allow if input.permission == "public"

allow if {
	held
	in_scope
	sees
}

held if {
	some role in input.principal.roles
	input.permission in grants[role]
}

# A token is for permissions, or for all that have a noun.
in_scope if is_null(input.principal.scopes)

in_scope if input.permission in input.principal.scopes

in_scope if {
	some scope in input.principal.scopes
	not contains(scope, ":")
	startswith(input.permission, concat("", [scope, ":"]))
}

# What belongs to a tenant and a line is seen by whoever sees both.
default sees := false

sees if {
	within(input.resource.tenant, input.principal.tenants)
	within(input.resource.business_line, input.principal.lines)
}

within(value, list) if {
	is_null(value)
	is_array(list)
}

within(_, list) if list == []

within(value, list) if value in list
