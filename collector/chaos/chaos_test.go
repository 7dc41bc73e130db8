// Package chaos breaks a running system on purpose and then asks whether its record is whole.
//
// The parts are real and each is a process: the broker, the ClickHouse engine, collectors with their
// keys. A load of conversations goes through them while a timeline of disturbances does. Then, whatever
// happened, three things must hold: the record passes its own audit; every interaction that was sent
// stands in it once; and what stands as found is what the same conversations come to when nothing
// disturbs them, in everything but when it was written. The last is computed, not run: an inspector
// folds each conversation whole, in this process, with neither broker nor database.
//
// A timeline is told in shares of the load that has been sent, and all randomness comes from a seed
// that is printed; MINGJIAN_CHAOS_SEED repeats it. Where a kill falls inside a process is chance all
// the same, so that a failure may need several runs to be seen again.
//
// Run plainly, this is one short trial. With the tag chaos there is one for each kind of disturbance,
// and MINGJIAN_CHAOS_INTERACTIONS and MINGJIAN_CHAOS_KILLS make the killing as long as wanted:
//
//	MINGJIAN_CHAOS_INTERACTIONS=2000000 MINGJIAN_CHAOS_KILLS=100 go test -tags chaos -timeout 3h -run TestKilledAtRandomMoments -v ./collector/chaos
//
// Not covered: a machine that loses power (what the engine and the broker had not flushed is gone then
// as well), and a disk that gives back other bytes than were written.
package chaos_test

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// longAgo is when loads begin that are over: every deadline in them has passed.
var longAgo = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// setting reads a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number above 0", name, text)
	}
	return n
}

// seeded is the seed of a trial.
func seeded(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(setting(t, "MINGJIAN_CHAOS_SEED", int(time.Now().UnixNano()%1_000_000)+1))
	t.Logf("MINGJIAN_CHAOS_SEED=%d repeats this", seed)
	return seed
}

// Each part is killed once while conversations are under way, and a second collector takes its share.
func TestEachPartIsKilledOnce(t *testing.T) {
	s := newSystem(t, seeded(t))
	s.trial(usual, 8_000, 800, []step{
		{0.10, "a second collector comes", come(second)},
		{0.25, "the engine is killed", kill(engine)},
		{0.45, "a collector is killed", kill(first)},
		{0.70, "the broker is killed", kill(broker)},
	})
	for _, name := range []string{broker, engine, first} {
		if n := s.parts[name].kills(); n != 1 {
			t.Errorf("%s was killed %d times", name, n)
		}
	}
}
