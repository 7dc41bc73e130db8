package redact

// surnames are the most frequent Chinese surnames that are rarely a word of their own behind 我叫:
// four fifths of all people have one of these.
const surnames = "王李张刘陈杨黄赵周吴徐孙朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蔡蒋余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范石廖贾韦付邹孟熊秦邱薛侯阎雷龙段郝邵史陶黎贺毛龚万钱严武戴莫孔汤張劉陳楊黃趙吳孫鄭謝許韓馮鄧蔣葉蘇魏呂盧鐘譚陸範賈韋鄒龍賀龔萬錢嚴湯欧阳司马上官诸葛夏侯"

// introductions stand in front of the name of whoever speaks.
var (
	introductions = []string{"我叫", "本人叫", "我的名字是", "我的名字叫", "我名字叫", "我姓名是", "姓名:", "姓名是", "姓名 ", "姓名:"}
	latin         = []string{"my name is ", "My name is ", "me llamo ", "Me llamo "}
)

// names finds the names that people give of themselves. A name must end where the sentence pauses:
// 我叫马上转人工 holds none.
func (t *text) names() {
	if !t.called {
		return
	}
	for i := range t.cells {
		switch r := t.cells[i].r; {
		case traitOf(r)&surname != 0 && t.endsAt(i, introductions):
			if n := t.chineseName(i); n > 0 {
				t.take(i, i+n, Name)
			}
		case (isUpper(r) || r >= 0xC0 && r < 0x250) && t.at(i-1) == ' ' && t.endsAt(i, latin):
			t.take(i, t.latinName(i), Name)
		}
	}
}

func (t *text) chineseName(i int) int {
	n := 1
	for isHan(t.at(i+n)) && n < 5 {
		n++
	}
	if n < 2 || n > 4 || n == 4 && !t.says(i, "欧阳") && !t.says(i, "司马") && !t.says(i, "上官") && !t.says(i, "诸葛") && !t.says(i, "夏侯") {
		return 0
	}
	return n
}

// latinName gives where one to three capitalised words end.
func (t *text) latinName(i int) int {
	word := func(j int) int {
		if r := t.at(j); !isUpper(r) && (r < 0xC0 || r >= 0x250) {
			return j
		}
		for r := t.at(j); isLetter(r) || r >= 0xC0 && r < 0x250 || r == '\'' || r == '-'; r = t.at(j) {
			j++
		}
		return j
	}
	to := word(i)
	for n := 0; n < 2 && t.at(to) == ' '; n++ {
		next := word(to + 1)
		if next == to+1 {
			break
		}
		to = next
	}
	return to
}
