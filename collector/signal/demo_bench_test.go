package signal_test

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/scenario"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// BenchmarkDetectOfTheDemo is the detection of one interaction, on average over the demo's stream and
// apart by who speaks.
func BenchmarkDetectOfTheDemo(b *testing.B) {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		b.Fatal(err)
	}
	detector, err := signal.New(bundle.Lexicons)
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	player, err := scenario.Demo(b.Context(), bundle, policies.Builtin(), scenario.PlayOptions{Seed: 1, Now: now, History: 8 * time.Hour, Sessions: 3000})
	if err != nil {
		b.Fatal(err)
	}
	type said struct {
		role event.Role
		text string
	}
	var all, customer, service, unknown []said
	distinct := map[string]bool{}
	for {
		_, key, value, ok := player.Next()
		if !ok {
			break
		}
		e, reject := event.Decode([]byte(key), value, now.AddDate(1, 0, 0))
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
			began := processor()
			for b.Loop() {
				detector.Detect(c.of[n%len(c.of)].role, c.of[n%len(c.of)].text)
				n++
			}
			b.ReportMetric(float64(processor()-began)/float64(n), "cpu-ns/op")
			if c.name == "service" {
				b.ReportMetric(100*float64(len(service)-len(distinct))/float64(len(service)), "%_known")
				b.ReportMetric(float64(len(service)), "texts")
			}
		})
	}
}

// processor is what the process has used of processors, which other processes do not change.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
