// Package identity says who acts and what they may do: the Principal in a request's context, the
// permissions that routes name, and the roles that hold them.
//
// The flow: an Authenticator turns a request into a Principal, With puts it into the context, and
// the one guard in front of every Route compares the route's Permission with the Principal's. No
// handler checks permissions by itself.
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

// Principal is somebody who acts.
type Principal struct {
	ID     string // stable, stands in the journal
	Name   string
	Roles  []Role
	Tenant string // "" for all
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
