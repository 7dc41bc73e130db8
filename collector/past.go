package collector

// pastBytes bounds what a process keeps of sessions that are over: some fifty thousand of them, which are those of
// the last seconds where very much is said, and of the last hours elsewhere.
const pastBytes = 24 << 20

// past keeps sessions in which nothing more is expected, for a while: what is said after all (an answer to a survey, a
// complaint) comes mostly right behind the end, and looking each of those up in the record took the engine half of
// what inserts took it. When the newer half is full the older one is forgotten.
type past struct {
	newer, older shelf
	bytes        int // that were put into newer
}

func newPast() past { return past{newer: newShelf(), older: newShelf()} }

// put keeps a session that is in the record as it is here; room is for both halves.
func (p *past) put(c *conversation, room int) {
	if p.bytes >= room/2 {
		p.newer, p.older, p.bytes = newShelf(), p.newer, 0
	}
	c.scheduled = 0 // what still stands among the deadlines is out of date now
	p.newer.put(c)
	p.bytes += len(p.newer.at(c.key))
}

// take gives a session, which is not there any more then; nil where there is none.
func (p *past) take(k key) *conversation {
	if c := p.newer.take(k); c != nil {
		return c
	}
	return p.older.take(k)
}
