package signal

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	sentenceEnd = regexp.MustCompile(`[。！？!?；;\n]+|\.(?:\s|$)`)
	spokenAI    = regexp.MustCompile(`(?i)人工智[能慧]|\bAI\b|AI|大模型|机器人|機器人|智能|智慧|虚拟|虛擬`)
	spokenMade  = regexp.MustCompile(`(?i)生成|合成|generated|synthesi[sz]ed`)
)

// SpokenLabel counts the characters of the label's own sentence in a spoken text: Han characters, and
// the letters of “AI”, one each, as the speed of a spoken label is told (GB 45438—2025, note). alone
// reports that the text holds nothing but that sentence, so that the message's length in seconds is the
// label's. A text without a label has 0 characters. A sentence ends at a full stop, an exclamation or
// question mark, a semicolon or a line; a comma does not end one.
func SpokenLabel(text string) (characters int, alone bool) {
	label, sentences, best := "", 0, 0
	for _, sentence := range sentenceEnd.Split(text, -1) {
		if strings.IndexFunc(sentence, unicode.IsLetter) < 0 {
			continue
		}
		sentences++
		elements := 0
		for _, element := range []*regexp.Regexp{spokenAI, spokenMade} {
			if element.MatchString(sentence) {
				elements++
			}
		}
		if elements > best {
			label, best = sentence, elements
		}
	}
	for _, r := range label {
		if unicode.Is(unicode.Han, r) {
			characters++
		}
	}
	characters += len("AI") * strings.Count(strings.ToUpper(label), "AI")
	return characters, best > 0 && sentences == 1
}
