package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"mingjian/collector/event"
)

// leadIn is the longest time by which a played session's first word lags behind its script. All that
// comes after the opening shifts as one, so that no gap which a rule measures crosses a threshold.
const leadIn = 4 * time.Second

// clientele is the number of customers in each jurisdiction: small enough that people come back.
const clientele = 400

// textChannels are interchangeable: no rule tells one from another.
var textChannels = []string{"app", "web", "wechat", "miniprogram"}

// business is a part of the enterprise that a session is given where its script names none.
type business struct{ industry, line string }

// Outside China only industries are taken that no rule treats in its own way.
var (
	inChina = []business{
		{"telecom", "宽带"}, {"telecom", "移动业务"}, {"internet", "会员"}, {"bank", "信用卡"}, {"insurance", "车险"},
		{"express", "寄件"}, {"air", "退改签"}, {"retail", "退换货"}, {"utility", "用电"}, {"public", "社保"},
	}
	elsewhere = []business{{"telecom", "broadband"}, {"air", "tickets"}, {"utility", "power"}, {"express", "parcels"}}
)

// botVersions are in service side by side.
var botVersions = []string{"2026.9.4", "2026.10.1", "2026.10.2"}

// truth is what a played session carries in the labels of its session.opened.
type truth struct {
	Scenario string   `json:"scenario"`
	Planted  []string `json:"planted"` // rules that must be found, and no others
	Near     []string `json:"near"`    // rules that the session comes close to breaking
}

// cast plays a scenario with people of its own: another customer, wording, channel and bot, where
// none of that can matter to what must be found.
func cast(s *Scenario, sessionID string, start time.Time, rng *rand.Rand) []Message {
	opened := maps.Clone(s.opened)
	where := s.appear(opened, rng)
	s.belong(opened, where, rng)
	if s.has(func(_ event.Kind, role event.Role) bool { return role == event.BotRole }) {
		bot := map[string]any{"id": "demo-bot", "version": botVersions[rng.IntN(len(botVersions))]}
		if given, ok := opened["bot"].(map[string]any); ok {
			maps.Copy(bot, given)
		}
		opened["bot"] = bot
	}
	opened["labels"] = truth{Scenario: s.ID, Planted: orNone(s.Expect), Near: orNone(s.ExpectNot)}

	lag := time.Duration(rng.Int64N(leadIn.Milliseconds())) * time.Millisecond
	words := s.Vary(rng)
	messages := s.Script(sessionID, start.Add(lag), words)
	messages[0] = write(sessionID, 0, step{at: -lag, fields: opened}, start.Add(lag), words)
	return messages
}

// appear gives the session a customer, and returns the customer's jurisdiction.
func (s *Scenario) appear(opened map[string]any, rng *rand.Rand) (where string) {
	customer := maps.Clone(opened["customer"].(map[string]any))
	opened["customer"] = customer
	where, _ = customer["jurisdiction"].(string)
	customer["id"] = fmt.Sprintf("demo-%s-%03d", strings.ToLower(cmp.Or(where, "xx")), rng.IntN(clientele))
	switch age := years(customer["age"]); {
	case age >= 20 && age <= 60:
		customer["age"] = 20 + rng.IntN(41)
	case age >= 66:
		customer["age"] = 66 + rng.IntN(23)
	} // 61 to 65 and under 20 are near a line that some rule draws
	return where
}

// years is an age as the scenario's file gave it; -1 if it gave none.
func years(v any) int {
	switch v := v.(type) {
	case int64:
		return int(v)
	case uint64:
		return int(v)
	}
	return -1
}

// belong gives the session a channel, an industry and a business line.
func (s *Scenario) belong(opened map[string]any, where string, rng *rand.Rand) {
	if channel, _ := opened["channel"].(string); channel == "" || slices.Contains(textChannels, channel) {
		opened["channel"] = textChannels[rng.IntN(len(textChannels))]
	}
	parts := elsewhere
	if where == DefaultJurisdiction {
		parts = inChina
	}
	if industry, ok := opened["industry"].(string); ok {
		own := slices.DeleteFunc(slices.Clone(parts), func(b business) bool { return b.industry != industry })
		if len(own) > 0 {
			parts = own
		}
	}
	part := parts[rng.IntN(len(parts))]
	if opened["industry"] == nil && !s.has(bindsIndustry) {
		opened["industry"] = part.industry
	}
	if opened["business_line"] == nil {
		opened["business_line"] = part.line
	}
}

// bindsIndustry reports whether an event's meaning depends on the industry: complaints, refunds,
// decisions and promises have limits of their own in each.
func bindsIndustry(kind event.Kind, _ event.Role) bool {
	return kind != event.Message && kind != event.MenuStep && kind != event.SessionClosed &&
		!strings.HasPrefix(string(kind), "handoff.")
}

func orNone(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}
