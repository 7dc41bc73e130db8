package signal

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Gist is a sketch of a question: one bit for each thing that the text speaks of. It is small, can be
// stored, and is compared without the text.
type Gist [16]uint32

const (
	// leastThings are needed to tell one question from another: “怎么办” alone is none.
	leastThings = 2
	// sameParts is the part of the things of both that two wordings of one question share more than.
	// It was chosen on testdata/gist.txt, where it parts rewordings from other questions of the same topic.
	sameParts = 0.5
	// otherWord is the weight of a word of content. Where each of two questions has as much that the other
	// has not, one asks of something else in the same frame: 故宫门票多少钱, 长城门票多少钱.
	otherWord = 2
)

// GistOf sketches a text. It reports false for one that speaks of too little to be recognised.
func GistOf(text string) (Gist, bool) {
	var buffer [512]byte
	plain := append(normalise(append(buffer[:0], ' '), text), ' ')
	for i, c := range plain {
		if c == clauseEnd {
			plain[i] = ' '
		}
	}
	said := rewordings.Replace(string(plain))
	var g Gist
	things := 0
	note := func(thing string) {
		h := uint32(2166136261) // FNV-1a
		for i := range len(thing) {
			h = (h ^ uint32(thing[i])) * 16777619
		}
		// Things are single characters: the last steps of MurmurHash3 spread what FNV leaves close together.
		h = (h ^ h>>16) * 0x85ebca6b
		h = (h ^ h>>13) * 0xc2b2ae35
		h >>= 23
		if w, b := h>>5, uint32(1)<<(h&31); g[w]&b == 0 {
			g[w] |= b
			things++
		}
	}
	before, near := "", false // the character before, and whether “near” has just been said
	for i := 0; i < len(said); {
		r, n := utf8.DecodeRuneInString(said[i:])
		switch {
		case r >= 'A' && r <= 'Z': // a kind of question, which weighs as much as two things
			note(said[i : i+1])
			note(said[i:i+1] + "?")
			if r == 'L' { // hotels near the restaurant are not restaurants near the hotel
				if before != "" {
					note(before + "L")
					note(before + "L?")
				}
				near = true
			}
		case isHan(r):
			if !isEmpty(r) {
				note(said[i : i+n])
				before = said[i : i+n]
				if near {
					note("L" + before)
					note("L?" + before)
					near = false
				}
			}
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			end := i
			for end < len(said) {
				r, n := utf8.DecodeRuneInString(said[end:])
				if isHan(r) || r >= 'A' && r <= 'Z' || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
					break
				}
				end += n
			}
			if word := stem(said[i:end]); word != "" {
				note(word)
				note(word + "?") // a word weighs as much as two characters
			}
			i = end
			continue
		}
		i += n
	}
	if things < leastThings {
		return Gist{}, false
	}
	return g, true
}

// Same reports whether both are sketches of the same question, perhaps reworded. It cannot know that
// words mean the same where they share no character and are not among the rewordings.
func (g Gist) Same(o Gist) bool {
	both, mine, theirs := 0, 0, 0
	for i := range g {
		both += bits.OnesCount32(g[i] & o[i])
		mine += bits.OnesCount32(g[i] &^ o[i])
		theirs += bits.OnesCount32(o[i] &^ g[i])
	}
	return float64(both) > sameParts*float64(both+mine+theirs) && min(mine, theirs) < otherWord
}

// stem takes the ending off a word, and empty words away.
func stem(word string) string {
	if emptyWords[word] {
		return ""
	}
	for _, ending := range []string{"ing", "ed", "es", "s"} {
		if cut, ok := strings.CutSuffix(word, ending); ok && len(cut) >= 3 {
			word = cut
			break
		}
	}
	if n := len(word); n > 3 && word[n-1] == word[n-2] { // cancelled, shipping
		word = word[:n-1]
	}
	return strings.TrimSuffix(word, "e")
}

// rewordings bring what people say in several ways to one: capitals are kinds of questions (T when and
// how long, P how much, W where, L near, Y why, N no), an empty string what says nothing. Longer ones stand first.
var rewordings = strings.NewReplacer(
	// politeness, beginnings, endings
	"麻烦问一下", "", "我想请问一下", "", "我想咨询一下", "", "想咨询一下", "", "请问一下", "", "问一下", "", "问下", "", "我想知道", "", "想知道", "", "我想问", "", "想问", "", "请问", "", "咨询", "", "麻烦", "", "告诉我", "",
	"帮我查一下", "", "帮我看一下", "", "帮我看看", "", "查一下", "", "看一下", "", "帮忙", "", "帮我", "", "能不能", "能", "可不可以", "能", "可以", "能", "能否", "能", "可否", "能", "行不行", "能", "是否", "",
	"您好", "", "你好", "", "谢谢", "", "一下", "", "你们", "", "我们", "", "到底", "", "究竟", "", "现在", "", "怎么还没有", "Y没", "怎么还没", "Y没", "怎么还不", "Y没", "还没有", "没", "没有", "没", "还没", "没", "未", "没", "收到不", "收到", "这个", "", "那个", "",
	// kinds of questions
	"什么时候", "T", "什么时间", "T", "啥时候", "T", "何时", "T", "几时", "T", "多长时间", "T", "要多久", "T", "多久", "T", "几天", "T", "哪天", "T", "多少天", "T", "几点", "T", "几号", "T", "多少个工作日", "T", "几个工作日", "T", "要等多长", "T",
	"多少钱", "P", "什么价格", "P", "什么价", "P", "价格是多少", "P", "价格", "P", "价钱", "P", "几块钱", "P", "几块", "P", "费用", "P", "收费", "P", "怎么收钱", "P", "要钱", "P", "贵不贵", "P", "资费", "P",
	"在哪里", "W", "在哪儿", "W", "去哪里", "W", "哪里", "W", "哪儿", "W", "在哪", "W", "哪了", "W", "什么地方", "W", "什么位置", "W", "地址", "W", "位置", "W",
	"周边", "L", "附近", "L", "旁边", "L", "周围", "L", "边上", "L", "四周", "L", "一带", "L", "哪些", "", "哪家", "", "哪几家", "", "别的", "", "其他", "", "其它", "", "有点", "", "一点", "",
	"为什么", "Y", "为何", "Y", "为啥", "Y", "怎么回事", "Y", "什么原因", "Y", "咋回事", "Y", "原因", "Y",
	"怎么办理", "办", "如何办理", "办", "怎么样才能", "", "怎样才能", "", "怎么才能", "", "怎么样", "", "怎么", "", "如何", "", "怎样", "", "咋", "", "步骤", "", "流程", "", "方法", "", "什么", "", "有没有", "有",
	// things and doings
	"退钱", "退款", "退费", "退款", "把钱退", "退款", "钱退", "退款", "还钱", "退款", "钱", "款", "快递", "物流", "包裹", "物流", "快件", "物流", "寄出", "发货", "发出", "发货", "配送", "发货", "更改", "改", "修改", "改", "变更", "改", "更换", "换", "改成", "改",
	"取消掉", "取消", "退订", "取消", "撤销", "取消", "注销", "销号", "删除账号", "销号", "销户", "销号", "买", "购", "付款", "支付", "付钱", "支付", "交钱", "支付", "缴费", "支付", "缴", "交", "东西", "货", "商品", "货", "产品", "货", "手机号码", "手机号", "电话号码", "手机号", "电话", "手机号",
	"忘记", "忘", "忘了", "忘", "登陆", "登录", "登不上", "登录N", "登录不了", "登录N", "登录不上", "登录N", "上不去", "登录N", "登不进去", "登录N", "无法登录", "登录N", "不能登录", "登录N", "打不开", "开N", "不了", "N", "无法", "N", "不能", "N", "没法", "N", "失败", "N",
	"到账", "到", "到达", "到", "送达", "到", "送到", "到", "到货", "到", "收到", "到", "能到", "到", "账号", "账户", "帐号", "账户", "帐户", "账户", "发票", "票据", "开票", "开票据", "营业", "开门", "上班", "开门", "快点", "快", "优惠券", "券", "优惠卷", "券", "话费", "费", "余额", "余", "剩多少", "余", "还剩", "余", "剩余", "余",
	" what time ", " T ", " how long ", " T ", " when ", " T ", " how soon ", " T ", " how many days ", " T ", " how much ", " P ", " price ", " P ", " cost ", " P ", " costs ", " P ", " fee ", " P ", " where ", " W ", " wheres ", " W ", " location ", " W ", " address ", " W ", " why ", " Y ", " how come ", " Y ",
	" package ", " parcel ", " shipment ", " parcel ", " delivery ", " parcel ", " delivered ", " arriv ", " arrive ", " arriv ", " arrives ", " arriv ", " get here ", " arriv ", " purchase ", " order ", " money back ", " refund ", " reimbursement ", " refund ", " modify ", " chang ", " alter ", " chang ", " switch ", " chang ", " buy ", " purchas ",
	" nearby ", " L ", " near ", " L ", " close to ", " L ", " around ", " L ", " next to ", " L ", " cerca de ", " L ", " cerca ", " L ",
	" sign in ", " login ", " log in ", " login ", " log into ", " login ", " sign into ", " login ", " cant ", " N ", " cannot ", " N ", " unable to ", " N ", " cuando ", " T ", " cuanto tarda ", " T ", " cuanto cuesta ", " P ", " precio ", " P ", " donde ", " W ", " por que ", " Y ",
)

// emptyCharacters say nothing about what is asked.
const emptyCharacters = "的了吗呢吧啊呀嘛么哦啦我你您他她它们是就都也还很这那个一下来去给把被让会要想能有在和跟与请得着过再又才只先等说问看听呗哈噢喔嗯咋儿个些为以之而且但如果"

// isEmpty looks a character up among the empty ones, of which all lie in the basic block of Han characters.
func isEmpty(r rune) bool {
	const first, last = 0x4E00, 0x9FFF
	return r >= first && r <= last && emptyTable[r-first]
}

var emptyTable = func() (t [0x5200]bool) {
	for _, r := range emptyCharacters {
		t[r-0x4E00] = true
	}
	return t
}()

var emptyWords = func() map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(`a an the i me my we our you your u ur it its is are was were be been am do does did can could will would should may might must to of in on at for
		from with by about this that these those and or but so if then please pls hi hello hey thanks thank there any some have has had get got want need know tell like just
		ok okay im ive id ill dont doesnt didnt how what which who yes no not up out now still yet again
		el la los las un una unos unas de del en y o que mi mis su sus me se es son esta estan hola por favor gracias puedo puede quiero como para al lo`) {
		m[w] = true
	}
	return m
}()
