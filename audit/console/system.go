package console

import (
	"net/http"

	"mingjian/collector/warehouse"
)

// systemBody is how the system is.
type systemBody struct {
	Tabs      tabs
	Checks    []Check
	AllWell   bool
	Endpoints []Endpoint
	Checked   *warehouse.Checked // nil where the record does not answer: the page is there all the same
}

func (c *Console) system(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readFilter(r, "all")
	b := systemBody{Tabs: c.systemTabs(r, "system"), Checks: c.System.Health(r.Context()), AllWell: true, Endpoints: c.System.Endpoints()}
	for _, k := range b.Checks {
		b.AllWell = b.AllWell && k.OK
	}
	v := view{Page: "system", Title: l.text("nav.system")}
	checked, err := c.Record.Checked(r.Context(), f.query(0))
	if err != nil {
		c.Log.ErrorContext(r.Context(), "the record does not answer", "error", err)
		b.AllWell = false
	} else {
		b.Checked = &checked
		v.Checked = &checkedLine{checked.Sessions, checked.Interactions, checked.Findings, c.inWords(l, f), false}
	}
	v.Body = b
	c.respond(w, r, http.StatusOK, v)
}
