package collector

import (
	"context"
	"slices"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/original"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
)

// A session whose person was erased is over for the rules: nothing is found in it any more and nothing is
// withdrawn. What still comes of it is accounted for like all events, and kept without its contents.
//
// Not promised: that nothing of a batch which was under way reaches the record when its person is erased.
// Whoever erases looks again, and erases that too.

// heed learns which sessions were erased since it was last asked, and forgets what memory has of them, so
// that they are read anew.
func (w *worker) heed(ctx context.Context) error {
	var erased []original.Owner
	count := w.erasures
	err := w.try(ctx, "ask for erasures", func() (err error) {
		erased, count, err = w.Keys.Erased(ctx, w.erasures)
		return err
	})
	if err != nil {
		return err
	}
	if len(erased) > 0 {
		if err := w.land(); err != nil { // or else its snapshots would be behind those that are read
			return err
		}
	}
	for _, o := range erased {
		w.erased[sessionOf{o.Tenant, o.Session}] = true
		w.memory.forget(o.Session)
	}
	if len(erased) > 0 {
		w.carried.rows = slices.DeleteFunc(w.carried.rows, func(s warehouse.Session) bool {
			return !s.Erased && w.erased[sessionOf{s.Tenant, s.SessionID}]
		})
	}
	w.erasures = count
	return nil
}

// sessionOf names a session.
type sessionOf struct{ tenant, id string }

// forget drops a session, whatever it waits for.
func (m *memory) forget(id string) {
	if c := m.find(id); c != nil {
		m.forgetAwake(c)
	}
}

// bare makes a conversation of an erased session, from what is left of its events.
func (w *worker) bare(ctx context.Context, s *warehouse.Session) (*conversation, error) {
	state, err := w.fold(ctx, s, true)
	if err != nil {
		return nil, err
	}
	state.Found = map[string]session.Found{}
	kept := *s
	kept.State, kept.Facts, kept.CustomerID, kept.Owners, kept.Erased = nil, "", "", "", true
	return &conversation{id: s.SessionID, state: state, version: s.Version, redo: -1, erased: &kept}, nil
}

// inspectorOf is who looks at the events of a session.
func (w *worker) inspectorOf(c *conversation) *inspect.Inspector {
	if c.erased != nil {
		return w.inspector.Silent()
	}
	return w.inspector
}

// empty takes their contents from the events of erased sessions, before anything else looks at them.
func (b *batch) empty() {
	for i := range b.items {
		if it := &b.items[i]; it.event != nil && it.of != nil && it.of.erased != nil {
			it.event, it.masks = it.event.Erased(), 0
		}
	}
}

// nameless is an interaction's row of an erased session: what the session is known to be stays as it was.
func (c *conversation) nameless(row *warehouse.Interaction) {
	was := c.erased
	row.Channel, row.BusinessLine, row.BotVersion, row.Jurisdiction = was.Channel, was.BusinessLine, was.BotVersion, was.Jurisdiction
}

// left is an erased session's row.
func (c *conversation) left(row *warehouse.Session) {
	was := c.erased
	row.Channel, row.BusinessLine, row.Industry, row.Jurisdiction = was.Channel, was.BusinessLine, was.Industry, was.Jurisdiction
	row.BotID, row.BotVersion, row.NotAssessed, row.Revision = was.BotID, was.BotVersion, was.NotAssessed, was.Revision
	row.CustomerID, row.Facts, row.Owners, row.Erased = "", "{}", "", true
}

// emptied is an event of an erased session, as it was stored.
func emptied(p inspect.Placed) inspect.Placed {
	if !event.IsErased(p.Event.Flags) {
		p.Event = p.Event.Erased()
	}
	return p
}
