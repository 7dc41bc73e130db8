package identity

import "slices"

// reading is what everybody holds who may look at conversations.
var reading = []Permission{ReadFindings, ReadSessions, ReadPolicies, ReadSystem, ReadCases, ReadSampling}

// Grants is the table of roles and what they hold. Regulators read the rules; conversations reach
// them in packages that were issued to them, not here.
var Grants = map[Role][]Permission{
	Admin: append([]Permission{
		WriteInteractions, OpenCases, ReadReviews, WorkReviews, DisputeReviews, DecideReviews, SuperviseReviews,
		AssessCases, ProposeCases, ApproveCases, PayCases, ConfirmPayouts, ReadFund, ManageFund,
	}, reading...),
	Officer:    append([]Permission{OpenCases, AssessCases, ProposeCases, ApproveCases, ReadFund, ReadReviews, DisputeReviews}, reading...),
	Inspector:  append([]Permission{OpenCases, ReadReviews, WorkReviews}, reading...),
	Supervisor: append([]Permission{OpenCases, ReadReviews, WorkReviews, DecideReviews, SuperviseReviews}, reading...),
	Approver:   append([]Permission{OpenCases, ApproveCases, ReadFund}, reading...),
	Finance:    append([]Permission{OpenCases, ApproveCases, PayCases, ConfirmPayouts, ReadFund, ManageFund}, reading...),
	Viewer:     reading,
	Regulator:  {ReadPolicies},
	Source:     {WriteInteractions},
}

// May reports whether one of the principal's roles holds p. Public is held by everybody.
func (p Principal) May(perm Permission) bool {
	if perm == Public {
		return true
	}
	return slices.ContainsFunc(p.Roles, func(r Role) bool { return slices.Contains(Grants[r], perm) })
}

// Sees reports whether the principal may see what belongs to a tenant.
func (p Principal) Sees(tenant string) bool { return p.Tenant == "" || p.Tenant == tenant }
