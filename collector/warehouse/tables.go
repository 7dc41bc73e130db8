package warehouse

import (
	"mingjian/policies"
)

var interactions = table[Interaction]{"interactions", []column[Interaction]{
	plain("tenant", func(r *Interaction) *string { return &r.Tenant }),
	plain("session_id", func(r *Interaction) *string { return &r.SessionID }),
	plain("event_id", func(r *Interaction) *string { return &r.EventID }),
	plain("version", func(r *Interaction) *int64 { return &r.Version }),
	plain("topic", func(r *Interaction) *string { return &r.Topic }),
	number("partition", func(r *Interaction) *int { return &r.Partition }),
	plain("offset", func(r *Interaction) *int64 { return &r.Offset }),
	moment("at", func(r *Interaction) *policies.Millis { return &r.At }),
	plain("kind", func(r *Interaction) *string { return &r.Kind }),
	plain("role", func(r *Interaction) *string { return &r.Role }),
	plain("actor_id", func(r *Interaction) *string { return &r.ActorID }),
	plain("channel", func(r *Interaction) *string { return &r.Channel }),
	plain("business_line", func(r *Interaction) *string { return &r.BusinessLine }),
	plain("bot_version", func(r *Interaction) *string { return &r.BotVersion }),
	plain("jurisdiction", func(r *Interaction) *string { return &r.Jurisdiction }),
	plain("text", func(r *Interaction) *string { return &r.Text }),
	number("text_bytes", func(r *Interaction) *int { return &r.TextBytes }),
	words("flags", func(r *Interaction) *[]string { return &r.Flags }),
	words("signals", func(r *Interaction) *[]string { return &r.Signals }),
	plain("body", func(r *Interaction) *string { return &r.Body }),
	plain("labels", func(r *Interaction) *string { return &r.Labels }),
	plain("extra", func(r *Interaction) *string { return &r.Extra }),
	words("mask_kinds", func(r *Interaction) *[]string { return &r.MaskKinds }),
	plain("original_enc", func(r *Interaction) *string { return &r.OriginalEnc }),
	plain("key_id", func(r *Interaction) *string { return &r.KeyID }),
	plain("salt", func(r *Interaction) *string { return &r.Salt }),
	plain("leaf", func(r *Interaction) *string { return &r.Leaf }),
	flag("is_deleted", func(r *Interaction) *bool { return &r.Deleted }),
}}

var sessions = table[Session]{"sessions", []column[Session]{
	plain("tenant", func(r *Session) *string { return &r.Tenant }),
	plain("session_id", func(r *Session) *string { return &r.SessionID }),
	plain("topic", func(r *Session) *string { return &r.Topic }),
	number("partition", func(r *Session) *int { return &r.Partition }),
	plain("last_offset", func(r *Session) *int64 { return &r.LastOffset }),
	plain("version", func(r *Session) *int64 { return &r.Version }),
	moment("opened", func(r *Session) *policies.Millis { return &r.Opened }),
	moment("closed", func(r *Session) *policies.Millis { return &r.Closed }),
	moment("last_at", func(r *Session) *policies.Millis { return &r.LastAt }),
	moment("due", func(r *Session) *policies.Millis { return &r.Due }),
	plain("pending", func(r *Session) *bool { return &r.Pending }),
	plain("derived", func(r *Session) *bool { return &r.Derived }),
	plain("channel", func(r *Session) *string { return &r.Channel }),
	plain("business_line", func(r *Session) *string { return &r.BusinessLine }),
	plain("industry", func(r *Session) *string { return &r.Industry }),
	plain("jurisdiction", func(r *Session) *string { return &r.Jurisdiction }),
	plain("customer_id", func(r *Session) *string { return &r.CustomerID }),
	plain("bot_id", func(r *Session) *string { return &r.BotID }),
	plain("bot_version", func(r *Session) *string { return &r.BotVersion }),
	number("events", func(r *Session) *int { return &r.Events }),
	plain("facts", func(r *Session) *string { return &r.Facts }),
	list("not_assessed",
		func(r *Session) []string {
			out := make([]string, len(r.NotAssessed))
			for i, n := range r.NotAssessed {
				out[i] = n.Rule
			}
			return out
		},
		func(r *Session, rules []string) {
			r.NotAssessed = nil
			for _, rule := range rules {
				r.NotAssessed = append(r.NotAssessed, policies.NotAssessable{Rule: rule})
			}
		}),
	list("not_assessed_reasons", // as long as not_assessed, and scanned after it
		func(r *Session) []string {
			out := make([]string, len(r.NotAssessed))
			for i, n := range r.NotAssessed {
				out[i] = n.Reason
			}
			return out
		},
		func(r *Session, reasons []string) {
			for i := range min(len(reasons), len(r.NotAssessed)) {
				r.NotAssessed[i].Reason = reasons[i]
			}
		}),
	plain("revision", func(r *Session) *string { return &r.Revision }),
	plain("state", func(r *Session) *[]byte { return &r.State }),
	plain("owners", func(r *Session) *string { return &r.Owners }),
	plain("erased", func(r *Session) *bool { return &r.Erased }),
	flag("is_deleted", func(r *Session) *bool { return &r.Deleted }),
}}

var findings = table[Finding]{"findings", []column[Finding]{
	plain("finding_id", func(r *Finding) *string { return &r.ID }),
	plain("tenant", func(r *Finding) *string { return &r.Tenant }),
	plain("session_id", func(r *Finding) *string { return &r.SessionID }),
	plain("rule", func(r *Finding) *string { return &r.Rule }),
	plain("pack", func(r *Finding) *string { return &r.Pack }),
	plain("severity", func(r *Finding) *string { return &r.Severity }),
	plain("status", func(r *Finding) *string { return &r.Status }),
	plain("level", func(r *Finding) *string { return &r.Level }),
	plain("subject", func(r *Finding) *string { return &r.Subject }),
	moment("at", func(r *Finding) *policies.Millis { return &r.At }),
	plain("facts", func(r *Finding) *string { return &r.Facts }),
	words("clauses", func(r *Finding) *[]string { return &r.Clauses }),
	plain("revision", func(r *Finding) *string { return &r.Revision }),
	plain("standing", func(r *Finding) *bool { return &r.Standing }),
	plain("version", func(r *Finding) *int64 { return &r.Version }),
	plain("channel", func(r *Finding) *string { return &r.Channel }),
	plain("business_line", func(r *Finding) *string { return &r.BusinessLine }),
	plain("bot_version", func(r *Finding) *string { return &r.BotVersion }),
	plain("jurisdiction", func(r *Finding) *string { return &r.Jurisdiction }),
	plain("customer_id", func(r *Finding) *string { return &r.CustomerID }),
	flag("is_deleted", func(r *Finding) *bool { return &r.Deleted }),
}}

var versions = table[FindingVersion]{"finding_versions", []column[FindingVersion]{
	plain("topic", func(r *FindingVersion) *string { return &r.Topic }),
	number("partition", func(r *FindingVersion) *int { return &r.Partition }),
	plain("first_offset", func(r *FindingVersion) *int64 { return &r.First }),
	plain("seal", func(r *FindingVersion) *string { return &r.Seal }),
	number("ordinal", func(r *FindingVersion) *int { return &r.Ordinal }),
	plain("finding_id", func(r *FindingVersion) *string { return &r.ID }),
	plain("tenant", func(r *FindingVersion) *string { return &r.Tenant }),
	plain("session_id", func(r *FindingVersion) *string { return &r.SessionID }),
	plain("rule", func(r *FindingVersion) *string { return &r.Rule }),
	plain("severity", func(r *FindingVersion) *string { return &r.Severity }),
	plain("status", func(r *FindingVersion) *string { return &r.Status }),
	plain("subject", func(r *FindingVersion) *string { return &r.Subject }),
	moment("at", func(r *FindingVersion) *policies.Millis { return &r.At }),
	plain("facts", func(r *FindingVersion) *string { return &r.Facts }),
	plain("revision", func(r *FindingVersion) *string { return &r.Revision }),
	plain("standing", func(r *FindingVersion) *bool { return &r.Standing }),
	plain("version", func(r *FindingVersion) *int64 { return &r.Version }),
	plain("leaf", func(r *FindingVersion) *string { return &r.Leaf }),
}}

var rejects = table[Reject]{"rejects", []column[Reject]{
	plain("topic", func(r *Reject) *string { return &r.Topic }),
	number("partition", func(r *Reject) *int { return &r.Partition }),
	plain("offset", func(r *Reject) *int64 { return &r.Offset }),
	moment("at", func(r *Reject) *policies.Millis { return &r.At }),
	plain("key", func(r *Reject) *string { return &r.Key }),
	plain("reason", func(r *Reject) *string { return &r.Reason }),
	plain("detail", func(r *Reject) *string { return &r.Detail }),
	number("size", func(r *Reject) *int { return &r.Size }),
	plain("sha256", func(r *Reject) *string { return &r.SHA256 }),
	plain("payload", func(r *Reject) *[]byte { return &r.Payload }),
	plain("key_id", func(r *Reject) *string { return &r.KeyID }),
	plain("leaf", func(r *Reject) *string { return &r.Leaf }),
}}

var erasures = table[Erased]{"erasures", []column[Erased]{
	plain("erasure", func(r *Erased) *string { return &r.Erasure }),
	plain("tenant", func(r *Erased) *string { return &r.Tenant }),
	plain("topic", func(r *Erased) *string { return &r.Topic }),
	number("partition", func(r *Erased) *int { return &r.Partition }),
	plain("offset", func(r *Erased) *int64 { return &r.Offset }),
	moment("at", func(r *Erased) *policies.Millis { return &r.At }),
	plain("leaf", func(r *Erased) *string { return &r.Leaf }),
	plain("gone", func(r *Erased) *bool { return &r.Gone }),
}}

var seals = table[Seal]{"seals", []column[Seal]{
	plain("topic", func(r *Seal) *string { return &r.Topic }),
	number("partition", func(r *Seal) *int { return &r.Partition }),
	plain("first_offset", func(r *Seal) *int64 { return &r.First }),
	plain("last_offset", func(r *Seal) *int64 { return &r.Last }),
	number("stored", func(r *Seal) *int { return &r.Stored }),
	number("repeats", func(r *Seal) *int { return &r.Repeats }),
	number("rejected", func(r *Seal) *int { return &r.Rejected }),
	number("control", func(r *Seal) *int { return &r.Control }),
	number("generation", func(r *Seal) *int { return &r.Generation }),
	plain("previous", func(r *Seal) *string { return &r.Previous }),
	plain("id", func(r *Seal) *string { return &r.ID }),
	plain("interactions_root", func(r *Seal) *string { return &r.InteractionsRoot }),
	plain("findings_root", func(r *Seal) *string { return &r.FindingsRoot }),
	number("findings", func(r *Seal) *int { return &r.Findings }),
	plain("tenants_root", func(r *Seal) *string { return &r.TenantsRoot }),
	plain("tenants", func(r *Seal) *string { return &r.Groups }),
	plain("gaps", func(r *Seal) *string { return &r.Gaps }),
	plain("revision", func(r *Seal) *string { return &r.Revision }),
	moment("at", func(r *Seal) *policies.Millis { return &r.At }),
}}

var revisions = table[Policies]{"policies", []column[Policies]{
	plain("revision", func(r *Policies) *string { return &r.Revision }),
	number("fold", func(r *Policies) *int { return &r.Fold }),
	moment("at", func(r *Policies) *policies.Millis { return &r.At }),
	plain("files", func(r *Policies) *string { return &r.Files }),
}}

// mirrored is one of the mirrors; they are alike.
func mirrored(name MirrorTable) table[MirrorRow] {
	return table[MirrorRow]{string(name), []column[MirrorRow]{
		plain("id", func(r *MirrorRow) *string { return &r.ID }),
		plain("version", func(r *MirrorRow) *int64 { return &r.Version }),
		plain("tenant", func(r *MirrorRow) *string { return &r.Tenant }),
		plain("session_id", func(r *MirrorRow) *string { return &r.SessionID }),
		plain("state", func(r *MirrorRow) *string { return &r.State }),
		moment("at", func(r *MirrorRow) *policies.Millis { return &r.At }),
		plain("document", func(r *MirrorRow) *[]byte { return &r.Document }),
	}}
}
