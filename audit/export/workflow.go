package export

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mingjian/audit/cases"
	"mingjian/audit/export/dossier"
	"mingjian/audit/fund"
	"mingjian/audit/review"
	"mingjian/audit/sampling"
	"mingjian/audit/store"
	"mingjian/collector/seal"
)

// writeWorkflow writes what people did about the sessions of the package, as it stood when the newest entry of
// the package's log was made.
func (p *packing) writeWorkflow(ctx context.Context) error {
	if err := p.Store.Migrate(ctx, sampling.Noun, review.Noun, cases.Noun, fund.Noun); err != nil {
		return err
	}
	for _, write := range []func(context.Context) error{p.writeReviews, p.writeSampling, p.writeCases, p.writeFund, p.writeErasures} {
		if err := write(ctx); err != nil {
			return err
		}
	}
	return nil
}

// inside reports whether a session is one that the package is about.
func (p *packing) inside(session string) bool {
	t := p.sessions[session]
	return t != nil && t.inside > 0
}

// eachRow goes through the rows of a query.
func (p *packing) eachRow(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
	return p.Store.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func moment(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// reviewLine is a line of data/reviews.jsonl.
type reviewLine struct {
	ID        string         `json:"task_id"`
	SessionID string         `json:"session_id"`
	LotID     string         `json:"lot_id,omitempty"`
	Kind      string         `json:"kind"`
	Reason    string         `json:"reason,omitempty"`
	Card      string         `json:"card"`
	PairID    string         `json:"pair_id,omitempty"`
	ClosedAt  string         `json:"closed_at"`
	OpenedAt  string         `json:"opened_at"`
	Due       string         `json:"due"`
	Submitted string         `json:"submitted_at,omitempty"`
	Final     string         `json:"final_at,omitempty"`
	Verdict   jsontext.Value `json:"verdict,omitempty"`
	Outcome   jsontext.Value `json:"outcome,omitempty"`
	Dispute   jsontext.Value `json:"dispute,omitempty"`
	Decision  jsontext.Value `json:"decision,omitempty"`
}

// reviewed is what the report counts of a review.
type reviewed struct {
	kind                string
	due, submitted      int64
	settled, defective  bool
	misjudged, disputed bool
	decisions           []review.FindingDecision
}

func (p *packing) writeReviews(ctx context.Context) error {
	by := p.log.made
	return p.lines(dossier.ReviewsFile, func(put func(any) error) error {
		return p.eachRow(ctx, func(scan func(...any) error) error {
			var l reviewLine
			var closed, opened, due, submitted, final, card int64
			var verdict, outcome, dispute, decision string
			if err := scan(&l.ID, &l.SessionID, &l.LotID, &l.Kind, &l.Reason, &l.Card, &card, &l.PairID, &closed, &opened, &due, &submitted, &final, &verdict, &outcome, &dispute, &decision); err != nil {
				return err
			}
			if !p.inside(l.SessionID) {
				return nil
			}
			l.Card = fmt.Sprintf("%s/%d", l.Card, card)
			l.ClosedAt, l.OpenedAt, l.Due = moment(closed), moment(opened), moment(due)
			done := reviewed{kind: l.Kind, due: due}
			var counts struct {
				Defective bool                     `json:"defective"`
				Misjudged bool                     `json:"misjudged"`
				Findings  []review.FindingDecision `json:"findings"`
			}
			for text, into := range map[*string]*jsontext.Value{&verdict: &l.Verdict, &outcome: &l.Outcome, &dispute: &l.Dispute, &decision: &l.Decision} {
				if *text == "" {
					continue
				}
				var at struct {
					At time.Time `json:"at"`
				}
				if err := json.Unmarshal([]byte(*text), &at); err != nil {
					return fmt.Errorf("review %s: %w", l.ID, err)
				}
				if at.At.UnixMilli() <= by {
					*into = jsontext.Value(*text)
				}
			}
			for _, v := range []jsontext.Value{l.Verdict, l.Outcome} { // the latter counts
				if len(v) > 0 {
					if err := json.Unmarshal(v, &counts); err != nil {
						return fmt.Errorf("review %s: %w", l.ID, err)
					}
					done.settled, done.defective, done.misjudged, done.decisions = true, counts.Defective, counts.Misjudged, counts.Findings
				}
			}
			if submitted != 0 && submitted <= by {
				l.Submitted, done.submitted = moment(submitted), submitted
			}
			if final != 0 && final <= by {
				l.Final = moment(final)
			}
			done.disputed = len(l.Dispute) > 0
			p.note("review:" + l.ID)
			p.figures.reviews = append(p.figures.reviews, done)
			p.figures.judged(l, done)
			return put(l)
		}, `SELECT id, session_id, lot_id, kind, reason, card_id, card_version, pair_id, closed_ms, opened_ms, due_ms, submitted_ms, final_ms, verdict, outcome, dispute, decision
			FROM reviews WHERE tenant = $1 AND kind <> 'calibration' AND opened_ms <= $2 ORDER BY opened_ms, id`, p.scope.Tenant, by)
	})
}

// note wants the log's entries about a subject of the journal in the package.
func (p *packing) note(subject string) {
	for _, index := range p.log.subject[subject] {
		p.wanted[index] = true
	}
}

func (p *packing) writeSampling(ctx context.Context) error {
	lots, err := sampling.NewLots(ctx, p.Store)
	if err != nil {
		return err
	}
	return p.lines(dossier.SamplingFile, func(put func(any) error) error {
		return lots.Proofs(ctx, p.scope.Tenant, time.UnixMilli(p.scope.From), time.UnixMilli(p.scope.To), func(l sampling.LotProof) error {
			index, ok := p.log.lots[l.ID]
			if !ok {
				return nil // closed behind the checkpoint
			}
			p.wanted[index] = true
			if decided, ok := p.log.decided[l.ID]; ok {
				p.wanted[decided] = true
			}
			for _, key := range p.log.keys[l.Zone+"/"+l.Day] {
				p.wanted[key] = true
			}
			hashes, err := p.past.Consistency(ctx, l.LogSize)
			if err != nil {
				return err
			}
			line := &dossier.Lot{ID: l.ID, Index: index, Checkpoint: string(l.Checkpoint), Members: len(l.Members), Drawn: l.Drawn}
			for _, h := range hashes {
				line.Consistency = append(line.Consistency, seal.HashOf(string(h)))
			}
			p.figures.lots, p.figures.drawn[l.ID] = append(p.figures.lots, l.Closing), l.Drawn
			if err := put(dossier.SamplingLine{Lot: line}); err != nil {
				return err
			}
			for _, m := range l.Members {
				if err := put(dossier.SamplingLine{Member: &dossier.Member{ID: m.ID, Closed: m.Closed.UnixMilli(), Reason: m.Reason}}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// caseLine is a line of data/cases.jsonl: a case with its history. What the customer is called is not in it.
type caseLine struct {
	ID        string       `json:"case_id"`
	SessionID string       `json:"session_id"`
	FindingID string       `json:"finding_id,omitempty"`
	Kind      string       `json:"kind"`
	At        string       `json:"at"`
	State     string       `json:"state"`
	Sources   []caseSource `json:"sources"`
	Steps     []caseStep   `json:"steps"`
	Paid      []casePaid   `json:"paid,omitempty"`
}

type caseSource struct {
	Kind string `json:"kind"`
	Ref  string `json:"ref"`
	Rule string `json:"rule,omitempty"`
	At   string `json:"at"`
}

type caseStep struct {
	Action string         `json:"action"`
	From   string         `json:"from,omitempty"`
	To     string         `json:"to"`
	Actor  string         `json:"actor"`
	Reason string         `json:"reason,omitempty"`
	At     string         `json:"at"`
	Note   jsontext.Value `json:"note,omitempty"`
}

// casePaid is what the fund's books say was paid for a case.
type casePaid struct {
	Minor    int64  `json:"amount_minor"`
	Currency string `json:"currency"`
	At       string `json:"at"`
}

func (p *packing) writeCases(ctx context.Context) error {
	by := p.log.made
	var list []*caseLine
	of := map[string]*caseLine{}
	err := p.eachRow(ctx, func(scan func(...any) error) error {
		l := &caseLine{Sources: []caseSource{}, Steps: []caseStep{}}
		var at int64
		if err := scan(&l.ID, &l.SessionID, &l.FindingID, &l.Kind, &at); err != nil {
			return err
		}
		if p.inside(l.SessionID) {
			l.At = moment(at)
			list, of[l.ID] = append(list, l), l
		}
		return nil
	}, `SELECT id, session_id, finding_id, kind, at_ms FROM cases WHERE tenant = $1 AND at_ms <= $2 ORDER BY at_ms, id`, p.scope.Tenant, by)
	if err != nil {
		return fmt.Errorf("read cases: %w", err)
	}
	err = p.eachRow(ctx, func(scan func(...any) error) error {
		var id, note string
		var at int64
		var s caseStep
		if err := scan(&id, &s.Action, &s.From, &s.To, &s.Actor, &s.Reason, &at, &note); err != nil {
			return err
		}
		if l := of[id]; l != nil {
			if s.At = moment(at); note != "" {
				s.Note = jsontext.Value(note)
			}
			l.Steps, l.State = append(l.Steps, s), s.To
		}
		return nil
	}, `SELECT s.case_id, s.action, s.from_state, s.to_state, s.actor, s.reason, s.at_ms, s.note FROM case_steps AS s INNER JOIN cases AS c ON c.id = s.case_id
		WHERE c.tenant = $1 AND s.at_ms <= $2 ORDER BY s.case_id, s.seq`, p.scope.Tenant, by)
	if err != nil {
		return fmt.Errorf("read the steps of cases: %w", err)
	}
	err = p.eachRow(ctx, func(scan func(...any) error) error {
		var id string
		var at int64
		var s caseSource
		if err := scan(&id, &s.Kind, &s.Ref, &s.Rule, &at); err != nil {
			return err
		}
		if l := of[id]; l != nil {
			s.At = moment(at)
			l.Sources = append(l.Sources, s)
		}
		return nil
	}, `SELECT case_id, kind, ref, rule, at_ms FROM case_sources WHERE tenant = $1 AND joined_ms <= $2 ORDER BY joined_ms, at_ms, ref`, p.scope.Tenant, by)
	if err != nil {
		return fmt.Errorf("read the sources of cases: %w", err)
	}
	err = p.eachRow(ctx, func(scan func(...any) error) error {
		var id string
		var at int64
		var m casePaid
		if err := scan(&id, &m.Minor, &m.Currency, &at); err != nil {
			return err
		}
		if l := of[id]; l != nil {
			m.At = moment(at)
			l.Paid = append(l.Paid, m)
			p.figures.paid(m)
		}
		return nil
	}, `SELECT case_id, amount_minor, currency, at_ms FROM fund_entries WHERE tenant = $1 AND kind = 'settle' AND at_ms <= $2 ORDER BY currency, number`, p.scope.Tenant, by)
	if err != nil {
		return fmt.Errorf("read what was paid: %w", err)
	}
	return p.lines(dossier.CasesFile, func(put func(any) error) error {
		for _, l := range list {
			p.note("case:" + l.ID)
			p.figures.cases = append(p.figures.cases, l)
			if err := put(l); err != nil {
				return err
			}
		}
		return nil
	})
}

// fundLine is a line of data/fund.jsonl: for each currency how the fund stood at the beginning of the period,
// every entry of it, and how it stood at its end.
type fundLine struct {
	Kind     string           `json:"kind"` // opening, entry, closing
	Currency string           `json:"currency"`
	At       string           `json:"at"`
	Accounts map[string]int64 `json:"accounts,omitempty"` // minor units
	ID       string           `json:"entry_id,omitempty"`
	Number   int64            `json:"number,omitempty"`
	Moved    string           `json:"moved,omitempty"` // what the entry is about: topup, reserve, …
	Debit    string           `json:"debit,omitempty"`
	Credit   string           `json:"credit,omitempty"`
	Minor    int64            `json:"amount_minor,omitempty"`
	CaseID   string           `json:"case_id,omitempty"`
	PayoutID string           `json:"payout_id,omitempty"`
}

func (p *packing) writeFund(ctx context.Context) error {
	to := min(p.scope.To, p.log.made+1)
	return p.lines(dossier.FundFile, func(put func(any) error) error {
		var currency string
		var accounts map[string]int64
		opened := false
		state := func(kind string, at int64) error {
			stand := make(map[string]int64, len(accounts))
			for a, n := range accounts {
				stand[a] = n
			}
			p.figures.fund(kind, currency, stand)
			return put(fundLine{Kind: kind, Currency: currency, At: moment(at), Accounts: stand})
		}
		open := func() error {
			if opened || currency == "" {
				return nil
			}
			opened = true
			return state("opening", p.scope.From)
		}
		finish := func() error {
			if currency == "" {
				return nil
			}
			if err := open(); err != nil {
				return err
			}
			return state("closing", to)
		}
		err := p.eachRow(ctx, func(scan func(...any) error) error {
			l := fundLine{Kind: "entry"}
			var at int64
			if err := scan(&l.ID, &l.Currency, &l.Number, &l.Moved, &l.Debit, &l.Credit, &l.Minor, &l.CaseID, &l.PayoutID, &at); err != nil {
				return err
			}
			if l.Currency != currency {
				if err := finish(); err != nil {
					return err
				}
				currency, accounts, opened = l.Currency, map[string]int64{}, false
			}
			if at >= p.scope.From {
				if err := open(); err != nil {
					return err
				}
				l.At = moment(at)
				if err := put(l); err != nil {
					return err
				}
			}
			accounts[l.Debit] += l.Minor
			accounts[l.Credit] -= l.Minor
			return nil
		}, `SELECT id, currency, number, kind, debit, credit, amount_minor, case_id, payout_id, at_ms FROM fund_entries WHERE tenant = $1 AND at_ms < $2 ORDER BY currency, number`, p.scope.Tenant, to)
		if err != nil {
			return fmt.Errorf("read the fund: %w", err)
		}
		return finish()
	})
}

// writeErasures names the erasures by which rows of the package were erased.
func (p *packing) writeErasures(context.Context) error {
	return p.lines(dossier.ErasuresFile, func(put func(any) error) error {
		for _, id := range sorted(p.erasures) {
			index, ok := p.log.about(id)
			if !ok {
				return fmt.Errorf("erasure %s is not in the evidence log at this checkpoint, and rows of the package were erased by it: name a later one", id)
			}
			p.wanted[index] = true
			if err := put(dossier.Erasure{ID: id, Index: index}); err != nil {
				return err
			}
		}
		return nil
	})
}
