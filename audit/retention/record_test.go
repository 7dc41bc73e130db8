package retention_test

import (
	"cmp"
	"context"
	"slices"

	"mingjian/audit/retention"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// line is a row of a record in memory.
type line struct {
	session string
	row     warehouse.Erased
	text    string // "" when blank
	erased  bool
}

type talk struct {
	id, customer, jurisdiction, industry string
	recorded                             policies.Millis
	pending, erased                      bool
}

// ledger is a record of one tenant's in memory, that can fail at any step, before or after it was done.
type ledger struct {
	tenant   string
	lines    []line
	talks    map[string]*talk
	erasures map[string]map[int64]warehouse.Erased
	sealed   int64 // the highest offset that a seal covers

	step func(name string, done bool) error
	// trespass is told of rows that lose their contents without being noted.
	trespass func(string)
}

var _ retention.Record = (*ledger)(nil)

func newLedger(tenant string) *ledger {
	return &ledger{tenant: tenant, talks: map[string]*talk{}, erasures: map[string]map[int64]warehouse.Erased{}, step: func(string, bool) error { return nil }}
}

func (l *ledger) say(session, customer, text string) {
	if l.talks[session] == nil {
		l.talks[session] = &talk{id: session, customer: customer}
	}
	offset := int64(len(l.lines))
	l.lines = append(l.lines, line{session: session, text: text, row: warehouse.Erased{Tenant: l.tenant, Topic: "t", Offset: offset, At: offset, Leaf: string(slices.Repeat([]byte{byte(offset)}, 32))}})
	l.sealed = offset
}

func (l *ledger) do(name string, fn func()) error {
	if err := l.step(name, false); err != nil {
		return err
	}
	fn()
	return l.step(name, true)
}

func (l *ledger) Progress(context.Context, string) (map[int]warehouse.Seal, error) {
	return map[int]warehouse.Seal{0: {Last: l.sealed}}, nil
}

func (l *ledger) SessionsOf(_ context.Context, tenant string, customers []string) (out []string, err error) {
	err = l.do("find", func() {
		for _, t := range l.talks {
			if tenant == l.tenant && slices.Contains(customers, t.customer) {
				out = append(out, t.id)
			}
		}
	})
	return out, err
}

func (l *ledger) rows(tenant string, sessions []string, all bool, each func(warehouse.Erased) error) error {
	for i := range l.lines {
		if r := &l.lines[i]; tenant == l.tenant && slices.Contains(sessions, r.session) && (all || !r.erased) {
			if err := each(r.row); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *ledger) Erasable(_ context.Context, tenant string, sessions []string, each func(warehouse.Erased) error) (err error) {
	if e := l.do("list", func() { err = l.rows(tenant, sessions, false, each) }); e != nil {
		return e
	}
	return err
}

func (l *ledger) Standing(_ context.Context, tenant string, sessions []string, each func(warehouse.Erased) error) error {
	return l.rows(tenant, sessions, true, each)
}

func (l *ledger) Named(_ context.Context, tenant string, sessions []string) (out []string, err error) {
	for _, id := range sessions {
		if t := l.talks[id]; t != nil && (t.customer != "" || !t.erased) {
			out = append(out, id)
		}
	}
	return out, nil
}

func (l *ledger) PutErased(_ context.Context, rows []warehouse.Erased) error {
	return l.do("note", func() {
		for _, r := range rows {
			if l.erasures[r.Erasure] == nil {
				l.erasures[r.Erasure] = map[int64]warehouse.Erased{}
			}
			l.erasures[r.Erasure][r.Offset] = r
		}
	})
}

func (l *ledger) Withdraw(_ context.Context, erasure string) error {
	return l.do("withdraw", func() { delete(l.erasures, erasure) })
}

func (l *ledger) ErasedBy(_ context.Context, erasure string, each func(warehouse.Erased) error) error {
	var all []warehouse.Erased
	if err := l.do("read", func() {
		for _, r := range l.erasures[erasure] {
			all = append(all, r)
		}
	}); err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b warehouse.Erased) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, r := range all {
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) Blank(_ context.Context, erasure string) error {
	return l.do("blank", func() {
		l.trespass(erasure)
		for i := range l.lines {
			if _, ok := l.erasures[erasure][l.lines[i].row.Offset]; ok {
				l.lines[i].text, l.lines[i].erased = "", true
			}
		}
	})
}

func (l *ledger) Forget(_ context.Context, tenant string, sessions []string) error {
	return l.do("forget", func() {
		for _, id := range sessions {
			if t := l.talks[id]; t != nil {
				t.customer, t.erased = "", true
			}
		}
	})
}

func (l *ledger) Drop(_ context.Context, erasure string) error {
	return l.do("drop", func() {
		l.trespass(erasure)
		l.lines = slices.DeleteFunc(l.lines, func(r line) bool { return l.erasures[erasure][r.row.Offset].Gone })
	})
}

func (l *ledger) DropSessions(_ context.Context, _ string, sessions []string) error {
	return l.do("drop sessions", func() {
		for _, id := range sessions {
			delete(l.talks, id)
		}
	})
}

func (l *ledger) Ages(context.Context) (out []warehouse.Age, err error) {
	by := map[[2]string]*warehouse.Age{}
	for _, t := range l.talks {
		if t.pending {
			continue
		}
		k := [2]string{t.jurisdiction, t.industry}
		if by[k] == nil {
			by[k] = &warehouse.Age{Tenant: l.tenant, Jurisdiction: t.jurisdiction, Industry: t.industry, Oldest: t.recorded}
		}
		by[k].Sessions++
		by[k].Oldest = min(by[k].Oldest, t.recorded)
	}
	for _, a := range by {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b warehouse.Age) int {
		return cmp.Or(cmp.Compare(a.Jurisdiction, b.Jurisdiction), cmp.Compare(a.Industry, b.Industry))
	})
	return out, nil
}

func (l *ledger) Over(_ context.Context, of warehouse.Age, before policies.Millis, after string, limit int, each func(session, customer string) error) error {
	var ids []string
	for id, t := range l.talks {
		if !t.pending && t.jurisdiction == of.Jurisdiction && t.industry == of.Industry && t.recorded < before && id > after {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids[:min(limit, len(ids))] {
		if err := each(id, l.talks[id].customer); err != nil {
			return err
		}
	}
	return nil
}
