package policies

import (
	"context"
	"time"
)

// FollowEvery is how often a source is looked at for changes: an officer who saves a file sees it in
// force within a few breaths, and a look costs a few file stats.
const FollowEvery = 2 * time.Second

// Follow loads the source again whenever its files change, until ctx ends. A revision that is whole
// goes to use; one with faults, or one that use turns down, goes to refuse, and the running one stays.
// Files that are being saved one after the other can be seen half-way: that is a refusal too, and the
// next look mends it. now is the stamp of what is running; see Source.Stamp.
func (s Source) Follow(ctx context.Context, now string, every time.Duration, use func(*Bundle) error, refuse func(error)) {
	if s.Dir == "" {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		stamp, err := s.Stamp()
		if err == nil && stamp == now {
			continue
		}
		var b *Bundle
		if err == nil {
			b, err = s.Load()
		}
		if err == nil {
			err = use(b)
		}
		if err != nil && stamp != now { // the same fault is told once
			refuse(err)
		}
		now = stamp
	}
}
