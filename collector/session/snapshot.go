package session

import (
	"encoding/json"
	"fmt"
)

// snapshotVersion is the first byte of a snapshot. A fold that remembers something else needs
// another one, so that an old snapshot is refused (and the session rebuilt from its events) rather
// than misread.
const snapshotVersion = 3

type plain State

type snapshot struct {
	*plain
	Seen     []byte
	Position *position
}

// MarshalBinary writes the whole state: a version byte and JSON.
func (s *State) MarshalBinary() ([]byte, error) {
	body, err := json.Marshal(snapshot{plain: (*plain)(s), Seen: s.Seen.bytes(), Position: &s.at})
	if err != nil {
		return nil, fmt.Errorf("snapshot of session %s: %w", s.ID, err)
	}
	return append([]byte{snapshotVersion}, body...), nil
}

// UnmarshalBinary reads what MarshalBinary wrote; the state goes on exactly where it stopped.
func (s *State) UnmarshalBinary(data []byte) error {
	if len(data) == 0 || data[0] != snapshotVersion {
		return fmt.Errorf("session snapshot: not of version %d", snapshotVersion)
	}
	var out State
	in := snapshot{plain: (*plain)(&out), Position: &out.at}
	if err := json.Unmarshal(data[1:], &in); err != nil {
		return fmt.Errorf("session snapshot: %w", err)
	}
	seen, err := readSeen(in.Seen)
	if err != nil {
		return fmt.Errorf("session snapshot: %w", err)
	}
	*s, s.Seen = out, seen
	return nil
}
