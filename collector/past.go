package collector

// pastBytes bounds what a process keeps of sessions that are over: some fifty thousand of them, which are those of
// the last seconds where very much is said, and of the last hours elsewhere.
const pastBytes = 24 << 20

// past keeps sessions in which nothing more is expected, for a while: what is said after all (an answer to a survey, a
// complaint) comes mostly right behind the end. A look-up in the record for each of those took the
// engine half of what inserts took it.
type past struct {
	shelf
	order []departed // those that were put first go first
	bytes int        // of all in order
}

// departed is a session that was put onto the shelf; it may have been taken since, and put there again.
type departed struct {
	key   key
	bytes int
}

// put keeps a session that is in the record as it is here, and forgets others so that about room bytes are used.
func (p *past) put(c *conversation, room int) {
	c.scheduled = 0 // what still stands among the deadlines is out of date now
	p.shelf.put(c)
	p.order = append(p.order, departed{c.key, len(p.at(c.key))})
	p.bytes += len(p.at(c.key))
	for p.bytes > room {
		first := p.order[0]
		p.order = p.order[1:]
		p.bytes -= first.bytes
		p.drop(first.key)
	}
}
