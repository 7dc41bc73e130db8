// Package identity says who acts and what they may do: accounts, sign-ins, tokens, the Principal in a
// request's context, and the permissions that routes name.
//
// The flow: an Authenticator turns a request into a Principal (a browser's cookie in signin.go, a
// program's token in token.go), With puts it into the context, and the one guard in front of every Route
// asks whether the Principal holds the route's Permission. No handler checks permissions by itself. Who
// holds what is decided by mingjian.authz, in Rego (policies/authz); lists are cut to the Principal's
// tenants and business lines where they are read.
//
// People come from the embedded accounts (account.go), with passwords (password.go) that they set by a
// one-time link (link.go), or from an OpenID Connect provider (oidc.go). What failed is counted and slowed
// down in throttle.go.
//
// Not promised: that two accounts are two people. An administrator can make a second account for
// themselves; the journal shows it.
package identity

import "context"

// Permission is what a route needs: noun:verb.
type Permission string

// The permissions of what is built so far. Public needs nobody to be signed in.
const (
	Public            Permission = "public"
	ReadFindings      Permission = "findings:read"
	ReadSessions      Permission = "sessions:read"
	ReadPolicies      Permission = "policies:read"
	ReadSystem        Permission = "system:read"
	WriteInteractions Permission = "interactions:write"
	ReadCases         Permission = "cases:read"
	OpenCases         Permission = "cases:open"
	AssessCases       Permission = "cases:assess"  // look into a candidate, assess, reject, close
	ProposeCases      Permission = "cases:propose" // propose what the customer gets
	ApproveCases      Permission = "cases:approve" // approve a proposal that somebody else made, or refuse it
	PayCases          Permission = "cases:pay"     // order the payment of what is approved
	ConfirmPayouts    Permission = "payouts:confirm"
	ReadFund          Permission = "fund:read"
	ManageFund        Permission = "fund:manage" // top up, write off
	ReadSampling      Permission = "sampling:read"
	ReadReviews       Permission = "reviews:read"
	WorkReviews       Permission = "reviews:work"      // claim, and give verdicts
	DisputeReviews    Permission = "reviews:dispute"   // contest a verdict, for the reviewed side
	DecideReviews     Permission = "reviews:decide"    // adjudicate, and decide disputes
	SuperviseReviews  Permission = "reviews:supervise" // backlog, throughput, moving tasks, calibration
	ReadExports       Permission = "exports:read"
	MakeExports       Permission = "exports:make"
	IssueExports      Permission = "exports:issue"  // issue a package to a regulator
	ReadIssued        Permission = "exports:issued" // a regulator's: list and download the packages issued to them
	ReadOriginals     Permission = "originals:read" // what was said before it was masked
	ReadJournal       Permission = "journal:read"
	OwnAccount        Permission = "account:own"   // one's own password and sign-ins; everybody's who signs in
	ManageTokens      Permission = "tokens:manage" // one's own tokens
	ManagePeople      Permission = "people:manage" // everybody's accounts and tokens
	EraseCustomers    Permission = "customers:erase"
	HoldRecords       Permission = "records:hold" // keep from being deleted or erased
)

// Role is a set of permissions with a name that people know.
type Role string

// The roles.
const (
	Admin     Role = "admin"     // engineers running the system
	Officer   Role = "officer"   // compliance officers
	Inspector Role = "inspector" // QA inspectors
	// Supervisor leads inspectors: sees that reviews are done in time, and decides where they differ.
	Supervisor Role = "supervisor"
	Approver   Role = "approver" // approves compensation
	Finance    Role = "finance"  // approves large compensation, pays, and keeps the fund
	Regulator  Role = "regulator"
	Viewer     Role = "viewer" // reads, changes nothing
	Source     Role = "source" // a producer of interactions
)

// Roles are all of them, in the order to show.
var Roles = []Role{Officer, Inspector, Supervisor, Approver, Finance, Regulator, Admin, Viewer, Source}

// Principal is somebody who acts.
type Principal struct {
	ID      string // stable, stands in the journal
	Name    string
	Roles   []Role
	Tenants []string // those whose things they see; empty: all
	Lines   []string // business lines whose things they see; empty: all
	Scopes  []string // nil: acts in person. Else what their token is for: permissions, or nouns of them
}

// OnlyTenant is the tenant of whoever sees no other; "" for everybody else.
func (p Principal) OnlyTenant() string {
	if len(p.Tenants) == 1 {
		return p.Tenants[0]
	}
	return ""
}

type principalKey struct{}

// With puts who acts into the context.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns who acts; false where nobody was put there.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
