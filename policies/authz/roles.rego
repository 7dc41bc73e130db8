# What roles hold: the permissions of each, as the routes of the audit service name them (noun:verb). Written
# out in full, so that a role can be read in one place, and so that asking costs no evaluation.
package mingjian.authz

# An administrator holds what anybody holds. The installation's own account, which its token stands for, is nobody's
# name all the same: where a second person is needed, the noun refuses it, and the journal shows who tried.

# An inspector works with masked text, and through the pages: no originals, no packages, no tokens. Regulators
# read the rules; conversations reach them in packages that were issued to them.
grants := {
	"officer": {
		"findings:read", "sessions:read", "policies:read", "system:read", "cases:read", "sampling:read",
		"account:own", "tokens:manage", "exports:read", "exports:make", "exports:issue", "cases:open", "cases:assess",
		"cases:propose", "cases:approve", "fund:read", "reviews:read", "reviews:dispute", "originals:read",
		"journal:read", "customers:erase", "records:hold",
	},
	"inspector": {
		"findings:read", "sessions:read", "policies:read", "system:read", "cases:read", "sampling:read",
		"account:own", "cases:open", "reviews:read", "reviews:work",
	},
	"supervisor": {
		"findings:read", "sessions:read", "policies:read", "system:read", "cases:read", "sampling:read",
		"account:own", "tokens:manage", "cases:open", "reviews:read", "reviews:work", "reviews:decide",
		"reviews:supervise", "journal:read",
	},
	"approver": {
		"findings:read", "sessions:read", "policies:read", "system:read", "cases:read", "sampling:read",
		"account:own", "tokens:manage", "cases:open", "cases:approve", "fund:read",
	},
	"finance": {
		"findings:read", "sessions:read", "policies:read", "system:read", "cases:read", "sampling:read",
		"account:own", "tokens:manage", "cases:open", "cases:approve", "cases:pay", "payouts:confirm", "fund:read",
		"fund:manage",
	},
	"regulator": {
		"policies:read", "exports:issued", "account:own",
	},
	"admin": {
		"findings:read", "sessions:read", "policies:read", "system:read", "cases:read", "sampling:read",
		"account:own", "tokens:manage", "cases:open", "reviews:read", "reviews:work", "exports:read", "exports:make",
		"exports:issue", "interactions:write", "reviews:dispute", "reviews:decide", "reviews:supervise",
		"cases:assess", "cases:propose", "cases:approve", "cases:pay", "payouts:confirm", "fund:read", "fund:manage",
		"exports:issued", "originals:read", "journal:read", "people:manage", "customers:erase", "records:hold",
	},
	"viewer": {
		"findings:read", "sessions:read", "policies:read", "system:read", "cases:read", "sampling:read",
		"account:own", "tokens:manage",
	},
	"source": {
		"interactions:write",
	},
}
