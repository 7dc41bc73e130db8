package indicator

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// level is that of the findings about a number.
const level = "indicator"

// key is what tells the numbers of a tenant apart.
type key struct {
	name, line string
	day        time.Time
}

func keyOf(r warehouse.Indicator) key { return key{r.Name, r.BusinessLine, r.Day} }

// changes are the new versions that a run of days came to.
type changes struct {
	rows     []warehouse.Indicator
	findings []warehouse.Finding
}

// judge asks the rule about a count and notes what differs from what is known.
func (s *Service) judge(ctx context.Context, d definition, days warehouse.Days, c count, known map[key]warehouse.Indicator, changed *changes) (warehouse.Indicator, error) {
	row := warehouse.Indicator{
		Name: d.name, Tenant: days.Tenant, BusinessLine: c.line, Day: c.day, Period: d.period, Unit: c.unit,
		Numerator: c.numerator, Denominator: c.denominator, Last: c.last, State: warehouse.Kept, Revision: s.bundle.Revision,
	}
	low, high := d.interval(c)
	row.Low, row.High = rounded(low), rounded(high)
	if c.denominator > 0 {
		row.Value = rounded(c.share())
	}
	verdict, err := s.engine.Judge(ctx, policies.Indicator{
		Name: row.Name, Tenant: row.Tenant, BusinessLine: row.BusinessLine, Day: row.Day.Format(time.DateOnly), Period: row.Period, Unit: row.Unit,
		Numerator: row.Numerator, Denominator: row.Denominator, Value: row.Value, Low: row.Low, High: row.High,
		Last: row.Last, Opened: days.Begin(row.Day),
	})
	if err != nil {
		return row, err
	}
	was := known[keyOf(row)]
	row.FindingID = was.FindingID
	switch {
	case len(verdict.Findings) > 0:
		row.State, row.FindingID = warehouse.Breached, findingID(row)
	case len(verdict.NotAssessable) > 0:
		row.State, row.Reason = warehouse.NotAssessable, verdict.NotAssessable[0].Reason
	}
	if row.Version = was.Version; row == was {
		return row, nil
	}
	row.Version++
	changed.rows = append(changed.rows, row)
	if row.State == warehouse.Breached {
		changed.findings = append(changed.findings, s.finding(row, verdict.Findings[0], d.jurisdiction))
		return row, nil
	}
	return row, s.withdraw(ctx, was, row, changed)
}

// empty takes back a number of which nothing is left to count.
func (s *Service) empty(ctx context.Context, was warehouse.Indicator, changed *changes) error {
	row := warehouse.Indicator{
		Name: was.Name, Tenant: was.Tenant, BusinessLine: was.BusinessLine, Day: was.Day, Version: was.Version + 1, Period: was.Period, Unit: was.Unit,
		Last: was.Last, State: warehouse.Empty, FindingID: was.FindingID, Revision: s.bundle.Revision,
	}
	changed.rows = append(changed.rows, row)
	return s.withdraw(ctx, was, row, changed)
}

// withdraw takes a finding back that stood and no longer follows. It keeps what it said.
func (s *Service) withdraw(ctx context.Context, was, row warehouse.Indicator, changed *changes) error {
	if was.State != warehouse.Breached {
		return nil
	}
	f, ok, err := s.Record.FindingRow(ctx, was.FindingID)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("finding %s of %s is not in the record, though its number says that it stands", was.FindingID, was.Name)
	}
	f.Standing, f.Version, f.Revision = false, row.Version, row.Revision
	changed.findings = append(changed.findings, f)
	return nil
}

// finding is what a breached number is found as.
func (s *Service) finding(row warehouse.Indicator, f policies.Finding, jurisdiction string) warehouse.Finding {
	rule, _ := s.bundle.Rule(row.Name)
	out := warehouse.Finding{
		ID: row.FindingID, Tenant: row.Tenant, Rule: f.Rule, Pack: f.Pack, Severity: string(f.Severity), Status: string(f.Status), Level: level,
		Subject: f.Subject, At: f.At, Facts: string(f.Facts), Revision: row.Revision, Standing: true, Version: row.Version,
		BusinessLine: row.BusinessLine, Jurisdiction: jurisdiction,
	}
	for _, c := range rule.Clauses {
		out.Clauses = append(out.Clauses, c.ID)
	}
	return out
}

// findingID is the id of what is found of a number: the first 16 bytes of a SHA-256, as 32 hexadecimal
// digits, over tenant, business line, indicator and day, each preceded by its length in bytes (8 bytes,
// big endian). A finding of a session has three such parts, so that no two run together.
func findingID(r warehouse.Indicator) string {
	h := sha256.New()
	for _, part := range []string{r.Tenant, r.BusinessLine, r.Name, r.Day.Format(time.DateOnly)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
