package signal

import (
	"testing"
	"time"
)

func TestPromised(t *testing.T) {
	zone := time.FixedZone("CST", 8*3600)
	said := time.Date(2026, 11, 18, 10, 30, 0, 0, zone) // a Wednesday
	d := detector(t)
	for text, want := range map[string]string{
		"我们会在24小时内给您回电":                             "2026-11-19 10:30:00",
		"半小时内给您回电":                                  "2026-11-18 11:00:00",
		"两小时之内为您解决":                                 "2026-11-18 12:30:00",
		"30分钟内专员联系您":                                "2026-11-18 11:00:00",
		"明天下午3点前给您答复":                               "2026-11-19 15:00:00",
		"明天下午三点半之前给您答复":                             "2026-11-19 15:30:00",
		"今晚8点前给您结果":                                 "2026-11-18 20:00:00",
		"明天15:30前给您答复":                              "2026-11-19 15:30:00",
		"后天给您回电话":                                   "2026-11-20 23:59:59",
		"周五前为您办理退款":                                 "2026-11-20 23:59:59",
		"下周一给您结果":                                   "2026-11-23 23:59:59",
		"周一给您结果":                                    "2026-11-23 23:59:59",
		"3个工作日内给您处理好":                               "2026-11-23 23:59:59",
		"三個工作日內給您答覆":                                "2026-11-23 23:59:59",
		"十五个工作日内答复您":                                "2026-12-09 23:59:59",
		"3天内退款给您":                                   "2026-11-21 23:59:59",
		"本周内给您补偿":                                   "2026-11-22 23:59:59",
		"月底前给您退款":                                   "2026-11-30 23:59:59",
		"11月20日前给您答复":                               "2026-11-20 23:59:59",
		"20号给您回复":                                   "2026-11-20 23:59:59",
		"今天下班前给您回电":                                 "2026-11-18 18:00:00",
		"下班前给您回电":                                   "2026-11-18 18:00:00",
		"明天上午给您答复":                                  "2026-11-19 12:00:00",
		"今天或明天给您答复":                                 "2026-11-19 23:59:59",
		"I'll call you back within 2 hours":         "2026-11-18 12:30:00",
		"We will refund you by Friday":              "2026-11-20 23:59:59",
		"I will get back to you tomorrow":           "2026-11-19 23:59:59",
		"We will call you tomorrow by 3 pm":         "2026-11-19 15:00:00",
		"within 2 to 3 business days we refund you": "2026-11-23 23:59:59",
		"by the end of the week I will reply":       "2026-11-22 23:59:59",
		"le llamaremos antes del viernes":           "2026-11-20 23:59:59",
		"le devolveremos el dinero en 48 horas":     "2026-11-20 10:30:00",
		"en 3 días hábiles le respondemos":          "2026-11-23 23:59:59",
		"le llamaremos mañana":                      "2026-11-19 23:59:59",
	} {
		due, ok := d.Promised(text, said.UnixMilli(), zone)
		if got := time.UnixMilli(due).In(zone).Format(time.DateTime); !ok || got != want {
			t.Errorf("%s: got %s (%v), want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "我们会尽快给您回电", "稍后联系您", "今天上午9点前给您答复", "we will call you back soon", "我们今年一定改进"} {
		if due, ok := d.Promised(text, said.UnixMilli(), zone); ok {
			t.Errorf("%s: got %s", text, time.UnixMilli(due).In(zone))
		}
	}
}

func TestSpokenLabel(t *testing.T) {
	for _, tt := range []struct {
		text       string
		characters int
		alone      bool
	}{
		{"本语音由人工智能合成", 10, true},
		{"本语音由AI合成。", 8, true},
		{"您好。本语音由AI合成。请问办理什么业务？", 8, false},
		{"您好，本语音由AI合成，请讲", 12, true},
		{"我是智能助手。内容由人工智能生成！", 9, false},
		{"您好，请问有什么可以帮您", 0, false},
		{"", 0, false},
		{"我是机器人小美", 7, true},
		{"本語音由人工智慧生成", 10, true},
		{"……", 0, false},
	} {
		if characters, alone := SpokenLabel(tt.text); characters != tt.characters || alone != tt.alone {
			t.Errorf("%s: got %d, %v", tt.text, characters, alone)
		}
	}
}
