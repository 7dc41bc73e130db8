package signal

import (
	"testing"

	"mingjian/collector/event"
)

// An apology or an empty answer in quotation marks is told of; one beside them is meant.
func TestWhatIsQuotedIsNotSaid(t *testing.T) {
	d := detector(t)
	for text, want := range map[string]Set{
		"您上次留言是“实在抱歉”":                                     0,
		"您上次留言是“实在抱歉”，对不起，是我没看到":                           Apology,
		"今晚八点上映《对不起，我爱你》":                                  0,
		`The sticker is "Sorry" in red.`:                   0,
		`A 15" screen, sorry, and a 17" one are sold out.`: Apology,
		"«Lo sentimos» es el título":                       0,
		"“非常抱歉”":                                           Apology, // nothing is beside it: all of it is said
		"“非常抱歉":                                            Apology, // no end: no quotation
		"它常说“没听懂”":                                         0,
		"您说的“上回那个”我没听懂":                                    Fallback,
	} {
		if got := d.Detect(event.BotRole, text) & (Apology | Fallback); got != want {
			t.Errorf("%s: %v, want %v", text, got.Names(), want.Names())
		}
	}
}
