package bench

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
)

// Table prints the result for a person.
func (r Result) Table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(what string, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{what}, args...)...)
	}
	row("measured on", "%d cores, %s, ClickHouse %s, %d rules at %.12s", r.Cores, r.Versions.Go, r.Versions.ClickHouse, r.Rules, r.Revision)
	if o := r.Open; o != nil {
		row("open sessions", "%d, of %d interactions", o.Sessions, o.Interactions)
		row("collector", "%.0f MiB, at most %.0f", o.RSS, o.Peak)
		row("takeover", "%.1f s, %.0f MiB, at most %.0f", o.Takeover, o.TakeoverRSS, o.TakeoverPeak)
		return w.Flush()
	}
	row("interactions", "%d in %.1f s, %.0f bytes and %.1f a session on average, %d sessions open at once, %d partitions",
		r.Interactions, r.Seconds, r.MessageBytes, r.EventsPerSession, r.Sessions, r.Partitions)
	row("findings", "%d, of everything that was measured", r.Findings)
	row("rate", "%.0f/s, from the first one produced to the last one sealed", r.Rate)
	row("plain copy", "%.0f/s; the rate is %.0f %% of it", r.CopyRate, 100*r.OfCopy)
	row("naive whole", "%.0f/s with one OPA query of all packs for each, through JSON; the rate is %.1f times that", r.NaiveRate, r.OfNaive)
	c, cpu := r.CatchUp, r.CatchUp.CPU
	row("catching up", "collector %s, copy %s, the engine's own table %s and with a consumer for each partition %s",
		perSecond(c.Collector), perSecond(c.Copy), perSecond(c.EngineTable), perSecond(c.EngineParallel))
	row("", "CPU s per million of the same, with what broker and engine use for it: %.1f, %.1f, %.1f, %.1f", cpu.Collector, cpu.Copy, cpu.EngineTable, cpu.EngineParallel)
	if l := r.Latency; l != nil {
		row("latency", "p50 %.0f ms, p99 %.0f ms, p99.9 %.0f ms at %.0f/s, from when it was due until a query finds it", l.P50, l.P99, l.P999, l.Held)
	}
	s := r.Stages
	row("stages", "decode %.1f, redact %.1f, detect %.1f, fold %.1f, check %.1f, write %.1f µs of one core for an interaction",
		s.Decode, s.Redact, s.Detect, s.Fold, s.Check, s.Write)
	row("naive check", "%.0f µs with all packs, %.0f µs with those that apply: %.1f and %.1f times as long as the check",
		r.NaiveCheck, r.NaiveCheckApplicable, r.NaiveCheck/cmp.Or(s.Check, 1), r.NaiveCheckApplicable/cmp.Or(s.Check, 1))
	d := r.Dashboards
	row("dashboards", "%d queries over %d interactions; the slowest, %s, %.0f ms; %d over a second", d.Queries, d.Over, d.Which, d.Slowest, d.Slow)
	fmt.Fprint(w, "\n\tCPU s per million\tpeak MiB\n")
	for _, name := range []string{brokerPart, enginePart, collectorPart, producerPart} {
		fmt.Fprintf(w, "%s\t%.1f\t%.0f\n", name, r.CPU[name], r.PeakRSS[name])
	}
	fmt.Fprintf(w, "plain copy\t%.1f\t\n", r.CopyCPU)
	return w.Flush()
}

// perSecond is a rate, or that there is none.
func perSecond(rate float64) string {
	if rate == 0 {
		return "too short to say"
	}
	return fmt.Sprintf("%.0f/s", rate)
}
