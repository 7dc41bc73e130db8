package session

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

const (
	// maxPromises is how many promises facts hold.
	maxPromises = 16
	// maxWhat is how much of promise.what facts hold, in bytes: enough to tell promises apart.
	maxWhat = 64
)

// china is the zone by which moments in texts are read: promises are asked about by a Chinese rule only,
// and the whole of China keeps Beijing time, without a summer time since 1991.
var china = time.FixedZone("Asia/Shanghai", 8*60*60)

// promise follows what the service undertakes to do by a moment, and what it has done.
func (s *State) promise(e *event.Event, found signal.Set, d *signal.Detector) {
	switch e.Kind {
	case event.PromiseMade:
		s.undertake(e, policies.ReportedPromise, e.Promise, "promise.due")
	case event.CallbackPromised:
		s.undertake(e, policies.ReportedCall, e.Callback, "callback.due")
	case event.Message:
		if found&signal.DatedPromise == 0 || !ofService(e.Actor) || d == nil {
			return
		}
		if due, ok := d.Promised(e.Text, e.At, china); ok && due > e.At {
			s.owe(policies.Undertaking{Made: e.ID, MadeAt: e.At, By: policies.SaidPromise, Due: due})
		}
	case event.PromiseKept:
		s.keep(e, what(e.Promise), policies.ReportedPromise, policies.ReportedCall)
	case event.CallbackCompleted:
		s.keep(e, what(e.Callback), policies.ReportedCall, policies.ReportedPromise)
	case event.RefundCompleted:
		s.keep(e, "", policies.ReportedPromise)
	case event.ComplaintResolved:
		s.keep(e, "")
	}
}

// undertake notes a promise that was reported as one; the customer's own is none.
func (s *State) undertake(e *event.Event, by policies.PromiseForm, told *event.Due, field string) {
	if e.Actor.Role == event.CustomerRole {
		return
	}
	due := dueOf(told)
	if due == 0 {
		due = dueOf(&event.Due{Due: e.Due})
	}
	if due == 0 {
		once(&own(&s.Facts.Promises).Undated, field)
		return
	}
	s.owe(policies.Undertaking{Made: e.ID, MadeAt: e.At, By: by, What: what(told), Due: due})
}

// owe adds a promise to the facts.
func (s *State) owe(u policies.Undertaking) {
	p := own(&s.Facts.Promises)
	p.Open = append(slices.Clone(p.Open), u)
	if len(p.Open) <= maxPromises {
		return
	}
	latest := slices.MaxFunc(p.Open, func(a, b policies.Undertaking) int { return cmp.Compare(a.Due, b.Due) })
	p.Open = slices.DeleteFunc(p.Open, func(u policies.Undertaking) bool { return u.Made == latest.Made })
}

// keep notes that a promise was kept: the one that is named, or else the oldest of the forms given, the
// first form first. A text does not say which report will tell of it, so that every report keeps all
// that was promised in texts.
func (s *State) keep(e *event.Event, named string, forms ...policies.PromiseForm) {
	if s.Facts.Promises == nil {
		return
	}
	p := own(&s.Facts.Promises)
	p.Open = slices.Clone(p.Open)
	kept := func(u *policies.Undertaking) { u.Kept, u.KeptAt = e.ID, e.At }
	if i := meant(p.Open, e.Kind, named, forms); i >= 0 {
		kept(&p.Open[i])
	}
	for i := range p.Open {
		if u := &p.Open[i]; u.By == policies.SaidPromise && u.KeptAt == 0 {
			kept(u)
		}
	}
	p.Open = slices.DeleteFunc(p.Open, func(u policies.Undertaking) bool { return u.KeptAt != 0 && u.KeptAt <= u.Due })
}

// meant is the reported promise that a report of keeping speaks of, -1 for none.
func meant(open []policies.Undertaking, kind event.Kind, named string, forms []policies.PromiseForm) int {
	for _, form := range forms {
		i := slices.IndexFunc(open, func(u policies.Undertaking) bool {
			return u.By == form && u.KeptAt == 0 && named != "" && u.What == named
		})
		if i >= 0 {
			return i
		}
	}
	for _, form := range forms {
		i := slices.IndexFunc(open, func(u policies.Undertaking) bool {
			return u.By == form && u.KeptAt == 0 && (kind != event.RefundCompleted || aboutMoney(u.What))
		})
		if i >= 0 {
			return i
		}
	}
	return -1
}

// aboutMoney reports whether a refund can be what was promised; what was not said can be anything.
func aboutMoney(what string) bool {
	return what == "" || slices.ContainsFunc([]string{"退", "赔", "返", "补偿", "款", "refund", "compensat", "money"}, func(word string) bool {
		return strings.Contains(strings.ToLower(what), word)
	})
}

// what is the beginning of what was promised.
func what(d *event.Due) string {
	if d == nil {
		return ""
	}
	return strings.Clone(strings.ToValidUTF8(d.What[:min(len(d.What), maxWhat)], ""))
}
