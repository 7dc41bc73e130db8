package collector

import "sync"

const (
	// pastBytes bounds what a process keeps of sessions that are over: some fifty thousand of them, which are those of
	// the last seconds where very much is said, and of the last hours elsewhere.
	pastBytes = 24 << 20
	// lookedUp is how many sessions that were looked up are remembered, twice: those of minutes at least.
	lookedUp = 100_000
)

// past keeps sessions in which nothing more is expected, for a while: what is said after all (an answer to a survey, a
// complaint) comes mostly right behind the end, and looking each of those up in the record took the engine half of
// what inserts took it. When the newer half is full the older one is forgotten.
//
// It is of all workers of a generation that has every partition, as roster is, because what is said after the end
// may come in another partition. A session that one of them reads from the record is kept no more: another may be
// about to put what it was before.
type past struct {
	room int // in bytes

	mu             sync.Mutex
	newer, older   shelf
	bytes          int // that were put into newer
	looked, before map[key]struct{}
}

func newPast(room int) *past {
	return &past{room: room, newer: newShelf(), older: newShelf(), looked: map[key]struct{}{}}
}

// put keeps a session that is in the record as it is here.
func (p *past) put(c *conversation) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wasLooked(c.key) {
		return
	}
	if p.bytes >= p.room/2 {
		p.newer, p.older, p.bytes = newShelf(), p.newer, 0
	}
	p.newer.put(c)
	p.bytes += len(p.newer.at(c.key))
}

// take gives a session, which is not there any more then; nil where there is none.
func (p *past) take(k key) *conversation {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.newer.take(k)
	if c == nil {
		c = p.older.take(k)
	}
	if c != nil {
		// What stands among the deadlines of whoever put it is out of date, and all that its snapshot knew is sealed.
		c.scheduled, c.redo = 0, -1
	}
	return c
}

// look tells that sessions are about to be read from the record.
func (p *past) look(ids []string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		k := keyOf(id)
		p.newer.drop(k)
		p.older.drop(k)
		if len(p.looked) >= lookedUp {
			p.looked, p.before = map[key]struct{}{}, p.looked
		}
		p.looked[k] = struct{}{}
	}
}

func (p *past) wasLooked(k key) bool {
	_, now := p.looked[k]
	_, before := p.before[k]
	return now || before
}
