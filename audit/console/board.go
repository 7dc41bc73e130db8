package console

import (
	"net/http"

	"mingjian/audit/cases"
)

// boardColumn is a state of the board with its newest cases.
type boardColumn struct {
	cases.Column
	Cards []caseRow
	More  string // address of all of them, where not all are shown
}

// Most cards of a column: enough for a day's work, and far from 200 kB for all columns. What has ended
// is there to be found again, not to be worked on.
const (
	mostCards      = 8
	mostEndedCards = 4
)

// board lays the columns out. Counts are of all cases; the cards are the newest that pass the filter.
func (c *Console) board(r *http.Request, l *language, f caseFilter, counts []cases.Column) (out []boardColumn, err error) {
	for _, n := range counts {
		column := boardColumn{Column: n}
		if n.N > 0 {
			f.State, f.Cursor = string(n.State), ""
			limit := mostCards
			if n.State == cases.Closed || n.State == cases.Rejected {
				limit = mostEndedCards
			}
			page, err := c.Cases.List(r.Context(), f.query(limit))
			if err != nil {
				return nil, err
			}
			for _, k := range page.Items {
				column.Cards = append(column.Cards, c.caseRow(r, l, k))
			}
			if page.Next != "" {
				column.More = f.address("/cases", "view", "")
			}
		}
		out = append(out, column)
	}
	return out, nil
}
