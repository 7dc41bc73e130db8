package warehouse

import (
	"cmp"
	"context"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// sealsBack is how many of a partition's newest seals are looked at to find the one that stands. A
// fork begins where a worker lost the partition without knowing; it writes on until its consumer
// group's session times out (seconds, so a few dozen batches), and 1,000 seals reach far beyond.
const sealsBack = 1000

// Progress implements Reader.
func (s *Store) Progress(ctx context.Context, topic string) (map[int]Seal, error) {
	partitions, err := s.sealedPartitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(map[int]Seal, len(partitions))
	for _, partition := range partitions {
		newest, err := collect(ctx, s, seals,
			"PREWHERE topic = {topic:String} AND partition = {partition:Int64} ORDER BY topic DESC, partition DESC, first_offset DESC, generation DESC, at DESC LIMIT {back:UInt64}",
			clickhouse.Named("topic", topic), clickhouse.Named("partition", int64(partition)), clickhouse.Named("back", sealsBack))
		if err != nil {
			return nil, err
		}
		if last, ok := standing(newest); ok {
			out[partition] = last
		}
	}
	return out, nil
}

// sealedPartitions are the partitions of a topic that have any seal.
func (s *Store) sealedPartitions(ctx context.Context, topic string) ([]int, error) {
	var out []int
	err := s.each(ctx, "read the sealed partitions of "+topic, "SELECT DISTINCT partition FROM seals WHERE topic = {topic:String}",
		[]any{clickhouse.Named("topic", topic)}, func(rows driver.Rows) error {
			var partition int64
			err := rows.Scan(&partition)
			out = append(out, int(partition))
			return err
		})
	return out, err
}

// standing follows the chain of seals to its end. Where two seals follow the same one, the higher
// generation stands, and with it what follows; the view seals_v says the same of every seal. It
// goes by the chain and not by which offsets overlap, because generations begin again at 1 when a
// broker loses its groups, and because what a superseded owner sealed further on overlaps nothing
// yet.
func standing(newest []Seal) (Seal, bool) {
	known := make(map[string]bool, len(newest))
	follows := make(map[string][]Seal, len(newest)) // by the id before
	for _, s := range newest {
		known[s.ID] = true
		follows[s.Previous] = append(follows[s.Previous], s)
	}
	var end Seal
	var found bool
	for previous, first := range follows {
		if known[previous] {
			continue // not where a chain begins
		}
		// A step per seal at most, so that a chain that bites its tail ends too.
		at := highest(first)
		for range newest {
			next, ok := follows[at.ID]
			if !ok {
				break
			}
			at = highest(next)
		}
		if !found || at.Last > end.Last || at.Last == end.Last && at.At > end.At {
			end, found = at, true
		}
	}
	return end, found
}

// highest is the seal that stands among those that follow the same one.
func highest(seals []Seal) Seal {
	return slices.MaxFunc(seals, func(a, b Seal) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID))
	})
}
