package policies

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Value is input as rules see it, built without a detour through JSON: the check runs for nearly
// every event, and a round trip would cost more than the rules do.
func (in *Input) Value() ast.Value {
	return ast.NewObject(
		ast.Item(keyEvent, in.Event.value()),
		ast.Item(keySession, ast.NewTerm(in.Session.Value())),
		ast.Item(keyTenant, ast.NewTerm(ast.NewObject(ast.Item(keyName, text(in.Tenant.Name))))),
		ast.Item(keyNow, moment(in.Now)),
	)
}

func (t Trigger) value() *ast.Term {
	return ast.NewTerm(ast.NewObject(
		ast.Item(keyID, text(t.ID)),
		ast.Item(keyKind, text(t.Kind)),
		ast.Item(keyRole, text(t.Role)),
	))
}

// Value is input.session: every field under its json name, and two answers that rules ask first so
// that OPA's index can pass over whole groups of them: bot.spoke (texts ≥ 1) and human.asked (there
// is a wait).
func (f *Facts) Value() ast.Value {
	return ast.NewObject(
		ast.Item(keyJurisdiction, text(f.Jurisdiction)),
		ast.Item(keyChannel, text(f.Channel)),
		ast.Item(keyIndustry, text(f.Industry)),
		ast.Item(keyBusinessLine, text(f.BusinessLine)),
		ast.Item(keyProvince, text(f.Province)),
		ast.Item(keyOpened, moment(f.Opened)),
		ast.Item(keyClosed, moment(f.Closed)),
		ast.Item(keyClosedBy, text(f.ClosedBy)),
		ast.Item(keyClosedAs, text(f.ClosedAs)),
		ast.Item(keyClosedID, text(f.ClosedID)),
		ast.Item(keyResolved, known(f.Resolved)),
		ast.Item(keyElder, known(f.Elder)),
		ast.Item(keyAccessible, truth(f.Accessible)),
		ast.Item(keyNoElderChannel, text(f.NoElderChannel)),
		ast.Item(keyNoElderChannelAt, moment(f.NoElderChannelAt)),
		ast.Item(keyEntrance, f.Entrance.value()),
		ast.Item(keyBot, f.Bot.value()),
		ast.Item(keyHuman, f.Human.value()),
		ast.Item(keyService, f.Service.value()),
	)
}

func (e *Entrance) value() *ast.Term {
	if e == nil {
		return ast.InternedNullTerm
	}
	return ast.NewTerm(ast.NewObject(
		ast.Item(keyHumanOptionVisible, truth(e.HumanOptionVisible)),
		ast.Item(keyElderChannel, truth(e.ElderChannel)),
		ast.Item(keyAccessibleChannel, truth(e.AccessibleChannel)),
		ast.Item(keyLabel, text(string(e.Label))),
		ast.Item(keyNotice, truth(e.Notice)),
	))
}

func (b *BotFacts) value() *ast.Term {
	return ast.NewTerm(ast.NewObject(
		ast.Item(keySpoke, truth(b.Texts > 0)),
		ast.Item(keyTexts, count(b.Texts)),
		ast.Item(keyFullAt, count(b.FullAt)),
		ast.Item(keyIncompleteAt, count(b.IncompleteAt)),
		ast.Item(keyThird, text(b.Third)),
		ast.Item(keyThirdAt, moment(b.ThirdAt)),
		ast.Item(keyUnlabelled, text(b.Unlabelled)),
		ast.Item(keyUnlabelledAt, moment(b.UnlabelledAt)),
		ast.Item(keyUnlabelledForm, text(string(b.UnlabelledForm))),
		ast.Item(keyWaived, truth(b.Waived)),
		ast.Item(keyFirst, text(b.First)),
		ast.Item(keyFirstAt, moment(b.FirstAt)),
		ast.Item(keyFirstNotice, truth(b.FirstNotice)),
	))
}

func (h *Human) value() *ast.Term {
	waits := make([]*ast.Term, len(h.Waits))
	for i := range h.Waits {
		waits[i] = h.Waits[i].value()
	}
	return ast.NewTerm(ast.NewObject(
		ast.Item(keyAsked, truth(len(waits) > 0)),
		ast.Item(keyStrikes, count(h.Strikes)),
		ast.Item(keyStrikeThree, text(h.StrikeThree)),
		ast.Item(keyStrikeThreeAt, moment(h.StrikeThreeAt)),
		ast.Item(keyWaits, ast.NewTerm(ast.NewArray(waits...))),
	))
}

func (w *Wait) value() *ast.Term {
	return ast.NewTerm(ast.NewObject(
		ast.Item(keyAsked, text(w.Asked)),
		ast.Item(keyAskedAt, moment(w.AskedAt)),
		ast.Item(keyRefused, text(w.Refused)),
		ast.Item(keyRefusedAt, moment(w.RefusedAt)),
		ast.Item(keyJoined, text(w.Joined)),
		ast.Item(keyJoinedAt, moment(w.JoinedAt)),
		ast.Item(keyEndedAt, moment(w.EndedAt)),
	))
}

func (s *Service) value() *ast.Term {
	return ast.NewTerm(ast.NewObject(
		ast.Item(keyApologies, count(s.Apologies)),
		ast.Item(keyThirdApology, text(s.ThirdApology)),
		ast.Item(keyThirdApologyAt, moment(s.ThirdApologyAt)),
	))
}

func text(s string) *ast.Term {
	if s == "" {
		return ast.InternedEmptyString
	}
	return ast.StringTerm(s)
}

func truth(b bool) *ast.Term { return ast.InternedTerm(b) }

// known is null for what the source did not report.
func known(b *bool) *ast.Term {
	if b == nil {
		return ast.InternedNullTerm
	}
	return truth(*b)
}

func count(n int) *ast.Term { return ast.InternedTerm(n) }

func moment(m Millis) *ast.Term {
	if m == 0 {
		return ast.InternedTerm(0)
	}
	return ast.NewTerm(ast.Number(strconv.FormatInt(m, 10)))
}

// The keys of input, made once.
var (
	keyEvent              = ast.StringTerm("event")
	keySession            = ast.StringTerm("session")
	keyTenant             = ast.StringTerm("tenant")
	keyName               = ast.StringTerm("name")
	keyNow                = ast.StringTerm("now")
	keyID                 = ast.StringTerm("id")
	keyKind               = ast.StringTerm("kind")
	keyRole               = ast.StringTerm("role")
	keyJurisdiction       = ast.StringTerm("jurisdiction")
	keyChannel            = ast.StringTerm("channel")
	keyIndustry           = ast.StringTerm("industry")
	keyBusinessLine       = ast.StringTerm("business_line")
	keyProvince           = ast.StringTerm("province")
	keyOpened             = ast.StringTerm("opened")
	keyClosed             = ast.StringTerm("closed")
	keyClosedBy           = ast.StringTerm("closed_by")
	keyClosedAs           = ast.StringTerm("closed_as")
	keyClosedID           = ast.StringTerm("closed_id")
	keyResolved           = ast.StringTerm("resolved")
	keyElder              = ast.StringTerm("elder")
	keyAccessible         = ast.StringTerm("accessible")
	keyNoElderChannel     = ast.StringTerm("no_elder_channel")
	keyNoElderChannelAt   = ast.StringTerm("no_elder_channel_at")
	keyEntrance           = ast.StringTerm("entrance")
	keyBot                = ast.StringTerm("bot")
	keyHuman              = ast.StringTerm("human")
	keyService            = ast.StringTerm("service")
	keyHumanOptionVisible = ast.StringTerm("human_option_visible")
	keyElderChannel       = ast.StringTerm("elder_channel")
	keyAccessibleChannel  = ast.StringTerm("accessible_channel")
	keyLabel              = ast.StringTerm("label")
	keyNotice             = ast.StringTerm("notice")
	keySpoke              = ast.StringTerm("spoke")
	keyTexts              = ast.StringTerm("texts")
	keyFullAt             = ast.StringTerm("full_at")
	keyIncompleteAt       = ast.StringTerm("incomplete_at")
	keyThird              = ast.StringTerm("third")
	keyThirdAt            = ast.StringTerm("third_at")
	keyUnlabelled         = ast.StringTerm("unlabelled")
	keyUnlabelledAt       = ast.StringTerm("unlabelled_at")
	keyUnlabelledForm     = ast.StringTerm("unlabelled_form")
	keyWaived             = ast.StringTerm("waived")
	keyFirst              = ast.StringTerm("first")
	keyFirstAt            = ast.StringTerm("first_at")
	keyFirstNotice        = ast.StringTerm("first_notice")
	keyAsked              = ast.StringTerm("asked")
	keyStrikes            = ast.StringTerm("strikes")
	keyStrikeThree        = ast.StringTerm("strike_three")
	keyStrikeThreeAt      = ast.StringTerm("strike_three_at")
	keyWaits              = ast.StringTerm("waits")
	keyAskedAt            = ast.StringTerm("asked_at")
	keyRefused            = ast.StringTerm("refused")
	keyRefusedAt          = ast.StringTerm("refused_at")
	keyJoined             = ast.StringTerm("joined")
	keyJoinedAt           = ast.StringTerm("joined_at")
	keyEndedAt            = ast.StringTerm("ended_at")
	keyApologies          = ast.StringTerm("apologies")
	keyThirdApology       = ast.StringTerm("third_apology")
	keyThirdApologyAt     = ast.StringTerm("third_apology_at")
)
