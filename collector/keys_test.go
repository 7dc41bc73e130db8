package collector_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"mingjian/collector/original"
	"mingjian/collector/seal"
)

// ring keeps keys in memory.
type ring struct {
	mu      sync.Mutex
	keys    map[original.Owner]original.Key
	adopted map[original.Adoption]bool
	erased  []original.Owner
	away    error // what every call answers while it is set
}

func newRing() *ring {
	return &ring{keys: map[original.Owner]original.Key{}, adopted: map[original.Adoption]bool{}}
}

func (r *ring) leaveFor(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = err
}

func (r *ring) Keys(_ context.Context, owners []original.Owner) ([]original.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away != nil {
		return nil, r.away
	}
	var out []original.Key
	for _, o := range owners {
		k, ok := r.keys[o]
		if !ok {
			// Computed, so that rows of two collectors with rings of their own can be compared.
			k.Secret = sha256.Sum256(fmt.Appendf(nil, "%q", o))
			k.ID = hex.EncodeToString(k.Secret[:8])
			r.keys[o] = k
		}
		out = append(out, k)
	}
	return out, nil
}

func (r *ring) Adopt(_ context.Context, adoptions []original.Adoption) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away != nil {
		return r.away
	}
	for _, a := range adoptions {
		r.adopted[a] = true
	}
	return nil
}

func (r *ring) Blinding(tenant string) seal.Key { return sha256.Sum256([]byte("blinding " + tenant)) }

func (r *ring) Erased(_ context.Context, after int64) (sessions []original.Owner, count int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if after >= 0 {
		sessions = r.erased[after:]
	}
	return sessions, int64(len(r.erased)), nil
}

// erase tells the collector of an erased session.
func (r *ring) erase(tenant, session string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.erased = append(r.erased, original.Owner{Tenant: tenant, Session: session})
}

func (r *ring) Pseudonym(id string) string {
	return fmt.Sprintf("p-%x", sha256.Sum256([]byte(id)))[:10]
}

// owner gives whose key has an id.
func (r *ring) owner(id string) original.Owner {
	r.mu.Lock()
	defer r.mu.Unlock()
	for o, k := range r.keys {
		if k.ID == id {
			return o
		}
	}
	return original.Owner{}
}
