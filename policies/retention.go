package policies

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Term is how long something is kept, in years from when it was recorded last, and what says so.
type Term struct {
	Years  int    `json:"years"`
	Clause string `json:"clause"`
}

// LongestRetention is the longest term that a tenant can set, in years: the ceiling of the tables.
const LongestRetention = 30

// Terms that clauses set. Where several hold, the longest does: keeping is owed to each of them, and what
// none of them asks for any more goes, as cn-pipl-19-min (Personal Information Protection Law, art. 19)
// wants.
var (
	// anyTerm is for everything: E-Commerce Law, art. 31.
	anyTerm = Term{3, "cn-ec-31-3y"}
	// placeTerms are by country: Spain's Law 10/2025, art. 21 and 22.
	placeTerms = map[string]Term{"ES": {5, "es-21-22-audit"}}
	// trades are by industry. Insurance contracts of more than a year have 10 years from their end (保监发〔2017〕54号);
	// no event says how long a contract is, so each counts as such a one.
	tradeTerms = map[string]Term{"insurance": {10, "cn-ins-rec"}}
)

// owed is the longest term that a clause sets.
func owed(jurisdiction, industry string) Term {
	country, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(jurisdiction)), "-")
	out := anyTerm
	for _, t := range []Term{placeTerms[country], tradeTerms[industry]} {
		if t.Years > out.Years {
			out = t
		}
	}
	return out
}

// Retention is how long a tenant's sessions of a jurisdiction and industry are kept: the longest term of a
// clause, or the tenant's own where that is longer. An industry that is not known is the tenant's.
func (b *Bundle) Retention(tenant, jurisdiction, industry string) Term {
	if industry == "" {
		industry = b.tenants.of(tenant).Industry
	}
	out := owed(jurisdiction, industry)
	years, named := b.tenants.retention[tenant]
	if !named {
		years = b.tenants.retention[anyTenant]
	}
	if years > out.Years {
		return Term{years, tenantsFile}
	}
	return out
}

// retentionKey is the key of a tenant's own term.
const retentionKey = "retention_years"

// readRetention reads a tenant's own term, 0 where it has none.
func readRetention(n *yaml.Node) (years int, err error) {
	var own struct {
		Years *int `yaml:"retention_years"`
	}
	if err := n.Decode(&own); err != nil || own.Years == nil {
		return 0, err
	}
	if *own.Years <= 0 {
		return 0, fmt.Errorf("line %d: %s %d is no term", n.Line, retentionKey, *own.Years)
	}
	return *own.Years, nil
}

// checkRetention says what is wrong with a tenant's own term, nil where nothing is.
func checkRetention(years int, industry string) error {
	switch least := owed("", industry); {
	case years == 0:
		return nil
	case years < least.Years:
		return fmt.Errorf("%s %d is shorter than the %d years that %s asks for", retentionKey, years, least.Years, least.Clause)
	case years > LongestRetention:
		return fmt.Errorf("%s %d is longer than the %d years after which tables let go", retentionKey, years, LongestRetention)
	}
	return nil
}
