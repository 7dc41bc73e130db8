package inspect

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"mingjian/collector/session"
	"mingjian/policies"
)

// FindingID is the id of what a rule says of a session: the first 16 bytes of a SHA-256, as 32
// hexadecimal digits. It is computed from nothing else, so that doing a batch again writes the same
// rows. The hash runs over tenant, session and rule, each preceded by its length in bytes (8 bytes,
// big endian), so that no two different triples run together.
func FindingID(tenant, session, rule string) string {
	h := sha256.New()
	for _, part := range []string{tenant, session, rule} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// settle takes a verdict over and returns what it changes, ordered by rule id. Of the rules that the
// verdict speaks of, whatever follows stands; what stood and no longer follows is withdrawn, never
// forgotten. With all set every finding is a new version, changed or not.
func settle(s *session.State, v policies.Verdict, all bool) []Change {
	s.Asked = append(slices.DeleteFunc(s.Asked, func(d policies.Due) bool { return v.Asked(d.Topic) }), v.Due...)
	s.NotAssessed = append(slices.DeleteFunc(s.NotAssessed, func(n policies.NotAssessable) bool { return v.Answers(n.Rule) }), v.NotAssessable...)
	slices.SortFunc(s.NotAssessed, func(a, b policies.NotAssessable) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason))
	})
	var changes []Change
	note := func(f session.Found) {
		f.Version++
		if s.Found == nil {
			s.Found = make(map[string]session.Found)
		}
		s.Found[f.Finding.Rule] = f
		changes = append(changes, Change{Rule: f.Finding.Rule, Finding: f.Finding, Version: f.Version, Standing: f.Standing})
	}
	follows := make(map[string]bool, len(v.Findings))
	for _, f := range v.Findings {
		follows[f.Rule] = true
		was := s.Found[f.Rule]
		if all || !was.Standing || !equal(&was.Finding, &f) {
			note(session.Found{Finding: f, Version: was.Version, Standing: true})
		}
	}
	for rule, was := range s.Found {
		if !follows[rule] && (all || was.Standing) && v.Answers(rule) {
			was.Standing = false
			note(was)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Rule, b.Rule) })
	return changes
}

func equal(a, b *policies.Finding) bool {
	return a.Severity == b.Severity && a.Status == b.Status && a.At == b.At && a.Subject == b.Subject &&
		a.Pack == b.Pack && bytes.Equal(a.Facts, b.Facts)
}
