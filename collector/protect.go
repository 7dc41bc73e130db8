package collector

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"mingjian/collector/event"
	"mingjian/collector/original"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Keys keeps the keys that originals are encrypted by. It is asked once a batch, and what it answers
// is the same however often it is asked, so that a batch that is done again writes the same bytes.
type Keys interface {
	// Keys returns the data keys of owners, in their order, and makes those that are missing. An owner
	// may be named more than once. The keys are durable when it returns.
	Keys(ctx context.Context, owners []original.Owner) ([]original.Key, error)
	// Adopt notes that what was kept for one owner is another's, so that both are erased together.
	Adopt(ctx context.Context, adoptions []original.Adoption) error
	// Erased gives the sessions, owners without a month, whose person was erased after a count of erasures,
	// and the count up to which it knows. A negative count asks for that alone.
	Erased(ctx context.Context, after int64) (sessions []original.Owner, count int64, err error)
	// Blinding is the key under which a tenant's groups stand in seals; always the same.
	Blinding(tenant string) seal.Key
	// Pseudonym is the stable stand-in for an identifier that is itself personal data.
	Pseudonym(id string) string
}

// tenure says whose the events of a session are from an offset on, as far as was known when they
// came: only what had arrived by then counts, so that an event has the same owner when its batch is
// done again and the session is known to be more.
type tenure struct {
	From     int64  `json:"from"` // offset
	Tenant   string `json:"tenant"`
	Customer string `json:"customer,omitempty"`
	Derived  bool   `json:"derived,omitempty"` // not opened yet: whose customer that is may still change
}

// owner is whose key an event of the tenure takes.
func (t tenure) owner(session, month string) original.Owner {
	if t.Derived || t.Customer == "" {
		return original.Owner{Tenant: t.Tenant, Session: session, Month: month}
	}
	return original.Owner{Tenant: t.Tenant, Customer: t.Customer, Month: month}
}

// reckon notes what an event of a month tells about whose the session is, and gives the owner of the event.
func (c *conversation) reckon(e *event.Event, offset int64, month string) (owner original.Owner, adopted []original.Adoption) {
	adopted = c.learn(e, offset)
	of := c.tenures[0]
	for _, t := range c.tenures[1:] {
		if t.From > offset {
			break
		}
		of = t
	}
	return of.owner(c.id, month), adopted
}

// learn adds a tenure where the event has changed whose the session is. What is known only grows, so
// an event that is done again changes nothing.
func (c *conversation) learn(e *event.Event, offset int64) (adopted []original.Adoption) {
	now := tenure{From: offset, Tenant: c.state.Tenant}
	if n := len(c.tenures); n > 0 {
		// The state may know more already, when later events of the batch were folded with a late one.
		was := c.tenures[n-1]
		now.Customer, now.Derived = was.Customer, was.Derived && e.Kind != event.SessionOpened
		if e.Customer != nil {
			now.Customer = cmp.Or(now.Customer, e.Customer.ID)
		}
		if was.Tenant == now.Tenant && was.Customer == now.Customer && was.Derived == now.Derived {
			return nil
		}
	} else {
		now.Customer, now.Derived = c.state.Customer, c.state.Derived
	}
	c.tenures, c.owners = append(c.tenures, now), ""
	if now.Customer == "" {
		return nil
	}
	is := original.Owner{Tenant: now.Tenant, Customer: now.Customer}
	for _, t := range c.tenures {
		if was := t.owner(c.id, ""); was.Session != "" {
			adopted = append(adopted, original.Adoption{Was: was, Is: is})
		}
	}
	return adopted
}

// movedAt gives the tenant that the event at an offset moved the session away from, "" where it did not.
func (c *conversation) movedAt(offset int64) string {
	for i := 1; i < len(c.tenures); i++ {
		if was := c.tenures[i-1].Tenant; c.tenures[i].From == offset && c.tenures[i].Tenant != was {
			return was
		}
	}
	return ""
}

// ownership is the tenures as the session's row has them, and tenuresOf reads them back.
func (c *conversation) ownership() (string, error) {
	if len(c.tenures) == 0 || c.owners != "" {
		return c.owners, nil // of before originals were kept, or nothing was learnt since
	}
	b, err := json.Marshal(c.tenures)
	if err != nil {
		return "", fmt.Errorf("owners of session %s: %w", c.id, err)
	}
	return string(b), nil
}

func tenuresOf(id, owners string) (out []tenure, err error) {
	if owners == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(owners), &out); err != nil {
		return nil, fmt.Errorf("owners of session %s: %w", id, err)
	}
	return out, nil
}

// month is the one of the moment that was asked about last: most often it is that of the next too.
type month struct {
	name        string
	first, next policies.Millis // [first, next)
}

// of is the month of a moment, as owners have it.
func (m *month) of(ms policies.Millis) string {
	if ms < m.first || ms >= m.next {
		at := time.UnixMilli(ms).UTC()
		first := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
		*m = month{at.Format("2006-01"), first.UnixMilli(), first.AddDate(0, 1, 0).UnixMilli()}
	}
	return m.name
}

// secret is a row of the batch that waits for its key.
type secret struct {
	owner   int // in batch.owners
	row     int // in batch.interactions, or in batch.rejects
	reject  bool
	message []byte // what is to be encrypted; nil: nothing was masked
}

// protect gets the keys of the batch, encrypts the originals, and makes the leaves of the rows. While the keys' store is away it waits, as for every other one: nothing is
// written without them.
func (b *batch) protect(ctx context.Context) error {
	if len(b.secrets) == 0 {
		return nil
	}
	var keys []original.Key
	err := b.w.try(ctx, "get the keys of originals", func() (err error) {
		if err = b.w.Keys.Adopt(ctx, b.adopted); err != nil {
			return err
		}
		keys, err = b.w.Keys.Keys(ctx, b.owners)
		return err
	})
	if err != nil {
		return err
	}
	salts := make([]*original.Salts, len(keys))
	for _, s := range b.secrets {
		k := &keys[s.owner]
		if s.reject {
			b.protectReject(&b.rejects[s.row], k, s)
			continue
		}
		row := &b.interactions[s.row]
		at := event.Position{Topic: row.Topic, Partition: row.Partition, Offset: row.Offset}
		if salts[s.owner] == nil {
			salts[s.owner] = k.Salts()
		}
		salt := salts[s.owner].Of(at)
		row.KeyID, row.Salt = k.ID, string(salt[:])
		if s.message != nil {
			row.OriginalEnc = string(original.Seal(k, at, s.message))
		}
		leaf := sealed.Leaf(row)
		row.Leaf = string(leaf[:])
	}
	return nil
}

func (b *batch) protectReject(row *warehouse.Reject, k *original.Key, s secret) {
	at := event.Position{Topic: row.Topic, Partition: row.Partition, Offset: row.Offset}
	row.KeyID, row.Payload = k.ID, original.Seal(k, at, s.message)
	leaf := sealed.RejectLeaf(row)
	row.Leaf = string(leaf[:])
}
