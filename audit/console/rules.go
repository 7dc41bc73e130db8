package console

import (
	"net/http"

	"mingjian/audit/identity"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// rulesBody is the catalogue.
type rulesBody struct {
	Packs   []pack
	Checked warehouse.Checked
	Period  string // of the counts, in words
}

type pack struct {
	Name  string
	Rules []ruleCard
}

type ruleCard struct {
	policies.Rule
	Findings  int64
	Unchecked int64
	Href      string // its findings
}

func (c *Console) rulesPage(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readFilter(r, "all")
	b := rulesBody{Period: c.inWords(l, f)}
	v := view{Page: "rules", Title: l.text("nav.rules")}
	if may(r, identity.ReadFindings) { // a regulator reads the rules and not what they found
		checked, err := c.Record.Checked(r.Context(), f.query(0))
		if err != nil {
			c.trouble(w, r, err)
			return
		}
		b.Checked = checked
		v.Checked = &checkedLine{checked.Sessions, checked.Interactions, checked.Findings, b.Period, false}
	}
	for _, rule := range c.Policies().Rules {
		if len(b.Packs) == 0 || b.Packs[len(b.Packs)-1].Name != rule.Pack {
			b.Packs = append(b.Packs, pack{Name: rule.Pack})
		}
		p := &b.Packs[len(b.Packs)-1]
		p.Rules = append(p.Rules, ruleCard{rule, b.Checked.FindingsByRule[rule.ID], b.Checked.NotAssessed[rule.ID], "/findings?period=all&rule=" + rule.ID})
	}
	v.Body = b
	c.respond(w, r, http.StatusOK, v)
}
