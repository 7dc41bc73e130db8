package vault

import "mingjian/collector/original"

// remembered is how many keys each half of the memory holds: about 10 MB a half.
const remembered = 50_000

// memory remembers the keys that were asked for last: what was asked for since the newer half was
// begun, and what was before it. When the newer one is full the older one is forgotten.
type memory struct {
	newer, older map[original.Owner]original.Key
}

func newMemory() memory { return memory{newer: map[original.Owner]original.Key{}} }

func (m *memory) get(o original.Owner) (original.Key, bool) {
	if k, ok := m.newer[o]; ok {
		return k, true
	}
	k, ok := m.older[o]
	if ok {
		m.put(o, k)
	}
	return k, ok
}

func (m *memory) put(o original.Owner, k original.Key) {
	if len(m.newer) >= remembered {
		m.newer, m.older = map[original.Owner]original.Key{}, m.newer
	}
	m.newer[o] = k
}
