package redact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"mingjian/collector/redact"
)

// pieces are what hostile texts are put together from: parts of numbers and addresses, separators in
// every width, brackets of masks.
var pieces = []string{
	"13812345678", "138", "1234", "5678", "0371", "62345678", "110101199003077758", "6222021234567890128", "12345678Z", "ES9121000418450200051332",
	"X", "Z", "@", "qq.com", "a.b", "+", "86", "(", ")", "（", "）", "-", " ", "　", "\u200b", "\ufe0f\u20e3", "·", ".", "、", "/", "，", "。",
	"一三八", "一二三四", "五六七八", "十", "１３８", "８", "①", "𝟙",
	"河南省", "郑州市", "金水区", "文化路", "12号", "阳光小区", "3栋", "501室", "王庄", "村", "镇", "Baker ", "Street", "Calle ", "Mayor ",
	"我叫", "王", "小明", "我的名字是", "my name is ", "Ana ", "Ruiz", "电话", "订单号", "护照", "卡号", "京A", "元", "⟦", "⟧", "⟦phone⟧", "⟦address⟧", "号", "单元",
}

// sound says what is wrong with how a text is masked; "" for nothing.
func sound(s string) string {
	masked, kinds := redact.Text(s)
	switch again, more := redact.Text(masked); {
	case again != masked || more != 0:
		return "masked " + masked + ", masked again " + again
	case !utf8.ValidString(masked):
		return "no UTF-8 comes out"
	case (kinds == 0) != (masked == s):
		return "kinds " + strings.Join(kinds.Names(), " ") + " and text " + masked
	}
	return ""
}

func TestMaskingMaskedTextChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 14).Draw(t, "pieces"), "")
		if fault := sound(s); fault != "" {
			t.Fatalf("%q: %s", s, fault)
		}
	})
	for _, c := range cases(t) {
		if fault := sound(c[0]); fault != "" {
			t.Errorf("%q: %s", c[0], fault)
		}
	}
}

// A mobile number is masked in whatever sentence it stands by itself.
func TestAMobileNumberIsMaskedAmongAnyWords(t *testing.T) {
	words := []string{"您好", "我想查话费", "，", "。", "请", "谢谢", "hello ", " ok", "2026年", "⟦email⟧", "三个", "是", "在吗？", "我叫"}
	rapid.Check(t, func(t *rapid.T) {
		front := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 5).Draw(t, "front"), "")
		back := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 5).Draw(t, "back"), "")
		number := rapid.StringMatching(`1[3-9][0-9]{9}`).Draw(t, "number")
		if masked, _ := redact.Text(front + "，" + number + "，" + back); strings.Contains(masked, number[3:]) {
			t.Fatalf("%q", masked)
		}
	})
}

func FuzzText(f *testing.F) {
	for _, c := range cases(f) {
		f.Add(c[0])
	}
	f.Add("\xff\xfe\xe5")
	f.Add(strings.Repeat("1 ", 100))
	f.Add(strings.Repeat("村", 100) + "1号")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			redact.Text(s) // must not panic; events hold none
			return
		}
		if fault := sound(s); fault != "" {
			t.Errorf("%q: %s", s, fault)
		}
	})
}

func BenchmarkText(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"clean", "您好，请问有什么可以帮您？我想咨询一下宽带的资费，怎么办理比较方便呢"},
		{"clean English", "Hello, I would like to know how to change my tariff, please"},
		{"number", "我这个月扣了199元，怎么回事，上个月只有99元"},
		{"phone", "我的手机号是13812345678，麻烦查一下"},
		{"everything", "我叫王小明，电话13812345678，身份证110101199003077758，住在河南省郑州市金水区文化路12号"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				redact.Text(c.text)
			}
		})
	}
}
