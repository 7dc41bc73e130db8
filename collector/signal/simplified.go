package signal

import "strings"

// simplified maps traditional characters to simplified ones, for the characters that occur in the
// lexicons (kSimplifiedVariant of the Unicode Han database). A phrase with other characters is
// only found in the script that it is written in; pairs are added here.
var simplified = func() map[rune]rune {
	m := make(map[rune]rune)
	for pair := range strings.FieldsSeq(pairs) {
		r := []rune(pair)
		m[r[0]] = r[1]
	}
	return m
}()

// pairs are a traditional character and its simplified form each.
const pairs = `
萬万 與与 專专 業业 嚴严 個个 為为 爲为 舉举 麼么 麽么 樂乐 書书 買买 爭争 於于 雲云 產产 産产 僅仅 們们 價价 夥伙 會会
傳传 體体 償偿 剋克 關关 興兴 養养 內内 決决 況况 減减 幾几 憑凭 擊击 剛刚 創创 別别 彆别 劑剂 辦办 務务 動动 區区 協协
單单 賣卖 佔占 卽即 廳厅 參参 發发 髮发 隻只 檯台 臺台 號号 後后 嚮向 曏向 嗎吗 聽听 員员 諮咨 響响 迴回 睏困 圖图 塊块
聲声 處处 復复 複复 頭头 實实 審审 傢家 對对 導导 將将 嘗尝 儘尽 盡尽 屬属 島岛 佈布 帶带 幫帮 乾干 幹干 榦干 並并 併并
應应 開开 噹当 當当 彔录 錄录 録录 徑径 懷怀 態态 慚惭 戶户 纔才 掃扫 擾扰 報报 擬拟 撥拨 擇择 掛挂 損损 換换 敎教 數数
無无 時时 暫暂 麯曲 朮术 術术 機机 權权 條条 來来 査查 標标 覈核 歡欢 氣气 溝沟 沒没 註注 溫温 遊游 滿满 灘滩 燈灯 點点
煙烟 菸烟 煩烦 熱热 翫玩 現现 電电 眞真 碼码 確确 禮礼 離离 種种 祕秘 稱称 類类 係系 繫系 緊紧 紅红 約约 級级 綫线 線线
經经 結结 給给 絕绝 絶绝 統统 維维 綠绿 緑绿 聯联 腦脑 緻致 節节 薦荐 營营 慮虑 虛虚 蝸蜗 補补 錶表 裝装 見见 視视 計计
訂订 讓让 議议 記记 講讲 論论 訪访 証证 證证 識识 訴诉 譯译 試试 誠诚 話话 詢询 該该 語语 誤误 說说 説说 請请 諾诺 課课
諒谅 談谈 謝谢 謹谨 負负 責责 賬账 貨货 購购 費费 資资 賠赔 賺赚 趕赶 轉转 軟软 較较 輔辅 輸输 邊边 過过 運运 還还 這这
進进 連连 選选 遞递 遺遗 埰采 寀采 採采 裏里 裡里 鍾钟 鐘钟 錢钱 銀银 鋪铺 鏈链 銷销 鎖锁 錯错 鍵键 長长 門门 閉闭 問问
閑闲 閒闲 間间 隊队 隨随 難难 麪面 麫面 麵面 頁页 顧顾 預预 領领 頻频 題题 額额 饋馈 馬马 驗验 騎骑 鮮鲜 傾倾
`
