package vault

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"

	"mingjian/collector/original"
)

// remembered is how many keys each half of the memory holds: about 10 MB a half.
const remembered = 100_000

// memory remembers the keys that were asked for last: what was asked for since the newer half was
// begun, and what was before it. When the newer one is full the older one is forgotten. There is no pointer
// in it, so that the garbage collector passes it over.
type memory struct {
	newer, older map[named]kept
}

// named stands for an owner: half of a SHA-256, so that nobody can make two that are taken for one.
type named [16]byte

func nameOf(o original.Owner) named {
	var space [256]byte
	b := space[:0]
	for _, part := range []string{o.Tenant, o.Customer, o.Session, o.Topic, o.Month} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(b)
	return named(sum[:16])
}

type kept struct {
	id     uuid.UUID
	secret [original.KeySize]byte
}

func newMemory() memory { return memory{newer: map[named]kept{}} }

func (m *memory) get(o original.Owner) (original.Key, bool) {
	name := nameOf(o)
	k, ok := m.newer[name]
	if !ok {
		if k, ok = m.older[name]; !ok {
			return original.Key{}, false
		}
		m.keep(name, k)
	}
	return original.Key{ID: k.id.String(), Secret: k.secret}, true
}

func (m *memory) put(o original.Owner, k original.Key) {
	if id, err := uuid.Parse(k.ID); err == nil && id.String() == k.ID { // as all are that are made here
		m.keep(nameOf(o), kept{id, k.Secret})
	}
}

func (m *memory) keep(name named, k kept) {
	if len(m.newer) >= remembered {
		m.newer, m.older = map[named]kept{}, m.newer
	}
	m.newer[name] = k
}
