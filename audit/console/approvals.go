package console

import (
	"mingjian/audit/cases"
)

// need is which approvals are still missing.
type need struct {
	People  int  // more of them
	Finance bool // one of those for finance
}

// onlyFinance reports whether nobody but finance can give what is missing.
func (n need) onlyFinance() bool { return n.Finance && n.People <= 1 }

// missing is what the proposal that counts still needs.
func missing(k cases.Case) (n need) {
	p := k.Proposal
	if p == nil || k.State != cases.Proposed {
		return n
	}
	n = need{p.Approval.People, p.Approval.Finance}
	for _, d := range approvals(k) {
		n.People--
		n.Finance = n.Finance && !d.Finance
	}
	if n.People < 1 && n.Finance {
		n.People = 1
	}
	return n
}

// approvals are those of the proposal that counts.
func approvals(k cases.Case) (out []cases.Ruling) {
	for _, d := range k.Decisions {
		if k.Proposal != nil && d.Action == cases.Approve && d.Round == k.Round && d.Digest == k.Proposal.Digest {
			out = append(out, d)
		}
	}
	return out
}

// needWords say how many approvals are still needed, and from whom.
func needWords(l *language, n need) string {
	if n.People < 1 {
		return ""
	}
	text, _ := l.plural("case.need", int64(n.People)) // a key that a test holds to be there
	switch {
	case n.onlyFinance():
		return text + l.text("case.need_finance")
	case n.Finance:
		return text + l.text("case.need_finance_too")
	}
	return text
}
