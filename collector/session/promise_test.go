package session

import (
	"reflect"
	"strings"
	"testing"

	"mingjian/collector/event"
	"mingjian/policies"
)

// promised makes a promise due some seconds after the start.
func promised(what string, due string) func(*event.Event) {
	return func(e *event.Event) {
		e.Promise = &event.Due{Due: due, What: what}
		e.Callback = e.Promise
	}
}

func TestPromises(t *testing.T) {
	const (
		at20 = "2026-10-12T10:00:20+08:00" // 20 s after the start
		at60 = "2026-10-12T02:01:00Z"
	)
	one := policies.Undertaking{Made: "e1", MadeAt: moment(1), By: policies.ReportedPromise, What: "补寄", Due: moment(20)}
	made := does(1, event.PromiseMade, by(event.AgentRole), promised("补寄", at20))
	late := one
	late.Kept, late.KeptAt = "e2", moment(21)
	for name, c := range map[string]struct {
		steps []step
		want  *policies.Promises
	}{
		"made":                     {steps: []step{made}, want: &policies.Promises{Open: []policies.Undertaking{one}}},
		"kept in time":             {steps: []step{made, does(20, event.PromiseKept)}, want: &policies.Promises{Open: []policies.Undertaking{}}},
		"kept too late":            {steps: []step{made, does(21, event.PromiseKept)}, want: &policies.Promises{Open: []policies.Undertaking{late}}},
		"the customer's own":       {steps: []step{does(1, event.PromiseMade, by(event.CustomerRole), promised("", at20))}},
		"without a date":           {steps: []step{does(1, event.CallbackPromised), does(2, event.PromiseMade)}, want: &policies.Promises{Undated: "callback.due"}},
		"a refund is no delivery":  {steps: []step{made, does(2, event.RefundCompleted)}, want: &policies.Promises{Open: []policies.Undertaking{one}}},
		"kept before it was made":  {steps: []step{does(0, event.PromiseKept), does(1, event.PromiseMade, promised("", at20))}, want: &policies.Promises{Open: []policies.Undertaking{{Made: "e2", MadeAt: moment(1), By: policies.ReportedPromise, Due: moment(20)}}}},
		"called back":              {steps: []step{does(1, event.CallbackPromised, promised("", at20)), does(9, event.CallbackCompleted)}, want: &policies.Promises{Open: []policies.Undertaking{}}},
		"a promised call, called":  {steps: []step{does(1, event.PromiseMade, promised("回电", at20)), does(9, event.CallbackCompleted)}, want: &policies.Promises{Open: []policies.Undertaking{}}},
		"refunded":                 {steps: []step{does(1, event.PromiseMade, promised("退款到账", at20)), does(9, event.RefundCompleted)}, want: &policies.Promises{Open: []policies.Undertaking{}}},
		"resolved is not what":     {steps: []step{made, does(9, event.ComplaintResolved)}, want: &policies.Promises{Open: []policies.Undertaking{one}}},
		"the one that is named":    {steps: []step{made, does(2, event.PromiseMade, promised("上门", at60)), does(3, event.PromiseKept, promised("上门", ""))}, want: &policies.Promises{Open: []policies.Undertaking{one}}},
		"the oldest if none named": {steps: []step{made, does(2, event.PromiseMade, promised("", at60)), does(3, event.PromiseKept)}, want: &policies.Promises{Open: []policies.Undertaking{{Made: "e2", MadeAt: moment(2), By: policies.ReportedPromise, Due: moment(60)}}}},
		"its own form first":       {steps: []step{made, does(2, event.CallbackPromised, promised("", at60)), does(3, event.CallbackCompleted)}, want: &policies.Promises{Open: []policies.Undertaking{one}}},
		"what is long is cut":      {steps: []step{does(1, event.PromiseMade, promised(strings.Repeat("退", 40), at20))}, want: &policies.Promises{Open: []policies.Undertaking{{Made: "e1", MadeAt: moment(1), By: policies.ReportedPromise, What: strings.Repeat("退", 21), Due: moment(20)}}}},
		"kept where none was made": {steps: []step{does(1, event.PromiseKept)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Promises; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// What a text promised is kept by whatever report comes, since a text does not say which.
func TestPromisesInTexts(t *testing.T) {
	for _, kind := range []event.Kind{event.PromiseKept, event.CallbackCompleted, event.RefundCompleted, event.ComplaintResolved} {
		s := New("s", "")
		for _, id := range []string{"a", "b"} {
			s.owe(policies.Undertaking{Made: id, MadeAt: start, By: policies.SaidPromise, Due: moment(20)})
		}
		s.promise(&event.Event{ID: "k", Kind: kind, At: moment(19)}, 0, nil)
		if len(s.Facts.Promises.Open) != 0 {
			t.Errorf("%s left %+v", kind, s.Facts.Promises.Open)
		}
	}
}
