package signal_test

import (
	"strconv"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/scenario/scenariotest"
	"mingjian/collector/signal"
)

// BenchmarkDetectOfTheDemo is the detection of one interaction, on average over the demo's stream and
// apart by who speaks.
func BenchmarkDetectOfTheDemo(b *testing.B) {
	demo := scenariotest.Play(b)
	detector, err := signal.New(demo.Bundle.Lexicons)
	if err != nil {
		b.Fatal(err)
	}
	type said struct {
		role event.Role
		text string
	}
	var all, customer, service, unknown []said
	distinct := map[string]bool{}
	for i, value := range demo.Values {
		e, reject := event.Decode(demo.Keys[i], value, demo.Later)
		if reject != nil {
			b.Fatal(reject)
		}
		redact.Event(e, func(id string) string { return id })
		one := said{e.Actor.Role, e.Text}
		all = append(all, one)
		switch {
		case e.Text == "":
		case e.Actor.Role == event.CustomerRole:
			customer = append(customer, one)
		default:
			distinct[e.Text] = true
			service = append(service, one)
			for range 3 { // as a model writes that says nothing twice; more of it than texts are known
				unknown = append(unknown, said{one.role, e.Text + strconv.Itoa(len(unknown))})
			}
		}
	}
	for _, c := range []struct {
		name string
		of   []said
	}{{"each", all}, {"customer", customer}, {"service", service}, {"service that never repeats itself", unknown}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			began := scenariotest.Processor()
			for b.Loop() {
				detector.Detect(c.of[n%len(c.of)].role, c.of[n%len(c.of)].text)
				n++
			}
			b.ReportMetric(float64(scenariotest.Processor()-began)/float64(n), "cpu-ns/op")
			if c.name == "service" {
				b.ReportMetric(100*float64(len(service)-len(distinct))/float64(len(service)), "%_known")
				b.ReportMetric(float64(len(service)), "texts")
			}
		})
	}
}
