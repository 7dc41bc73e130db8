package bench

import (
	"context"
	"fmt"
	"time"

	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/dashboards"
)

// Wrong says that the record is not what was produced.
type Wrong struct{ What string }

func (e *Wrong) Error() string { return "the record is wrong: " + e.What }

// audit makes sure that the record has exactly the interactions that were produced.
func (b *bench) audit(ctx context.Context) error {
	b.say("checking the record")
	if err := b.system.rest(); err != nil {
		return err
	}
	store, err := warehouse.Connect(ctx, b.system.store)
	if err != nil {
		return err
	}
	defer store.Close()
	b.result.Checks = collector.Examine(ctx, stream.At(b.system.endpoints.Kafka), collector.InteractionsTopic, store)
	for _, c := range b.result.Checks {
		if !c.OK {
			return &Wrong{c.Name + ": " + c.Detail}
		}
	}
	var rows, offsets uint64
	// FINAL: what is in the table once rows of equal key are one.
	const count = `SELECT count(), uniqExact(partition, offset) FROM mingjian.interactions FINAL`
	if err := b.system.conn.QueryRow(ctx, count).Scan(&rows, &offsets); err != nil {
		return fmt.Errorf("count interactions: %w", err)
	}
	if int64(rows) != b.produced || rows != offsets {
		return &Wrong{fmt.Sprintf("%d interactions were produced, and %d from %d offsets are there", b.produced, rows, offsets)}
	}
	var findings uint64
	if err := b.system.conn.QueryRow(ctx, `SELECT count() FROM mingjian.findings_v WHERE state = 'standing'`).Scan(&findings); err != nil {
		return fmt.Errorf("count findings: %w", err)
	}
	b.result.Findings = int64(findings)
	return b.dashboards(ctx, store)
}

// dashboards times the queries of every panel and alert over the record.
func (b *bench) dashboards(ctx context.Context, store *warehouse.Store) error {
	b.say("asking the dashboards' queries")
	answers, err := dashboards.Check(ctx, dashboards.Options{Rules: b.bundle, Now: time.Now()}, store)
	if err != nil {
		return err
	}
	d := &b.result.Dashboards
	d.Queries, d.Over = len(answers), int64(b.produced)
	for _, a := range answers {
		if a.Fault != "" && !a.Empty {
			return &Wrong{fmt.Sprintf("the query of %s on dashboard %s: %s", a.Panel, a.Board, a.Fault)}
		}
		if a.Millis > slowQuery {
			d.Slow++
		}
		if a.Millis > d.Slowest {
			d.Slowest, d.Which = round(a.Millis, 0), a.Board+" "+a.Panel
		}
	}
	return nil
}

// slowQuery is how long, in milliseconds, a panel may take: what people wait for without noticing that
// they do.
const slowQuery = 1000
