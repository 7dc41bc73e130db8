package fund_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"mingjian/audit/fund"
	"mingjian/audit/store/storetest"
	"mingjian/policies"
)

// twoMonths are books from the end of October on, in the zone of Shanghai.
func twoMonths(b *books) {
	b.set("2026-10-31T23:59:59+08:00")
	b.topUp("october", cny(1_000_00))
	b.set("2026-11-01T00:00:00+08:00") // still October in UTC
	b.must(b.reserve("case-1", cny(500_00)))
	b.set("2026-11-03T10:00:00+08:00")
	b.must(b.pay(order("p-1", "case-1", cny(500_00))))
	c := result("p-1", "case-1", true, cny(500_00))
	c.Reference = `=HYPERLINK("http://evil.example/","看")`
	if _, err := b.settle(c); err != nil {
		b.t.Fatal(err)
	}
	b.set("2026-12-01T00:00:00+08:00")
	b.topUp("december", cny(1))
}

func TestAStatementSaysHowTheMonthOpenedWentAndClosed(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		twoMonths(b)
		s, err := b.Statement(t.Context(), "acme", "CNY", "2026-11")
		b.must(err)
		file, err := s.CSV()
		b.must(err)
		rest, marked := bytes.CutPrefix(file, []byte("\ufeff"))
		rows, err := csv.NewReader(bytes.NewReader(rest)).ReadAll()
		if err != nil || !marked || !bytes.Contains(file, []byte("\r\n")) {
			t.Fatalf("no CSV for spreadsheets: %v", err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, strings.Join(r[:15], "|")) // without the entry's id
		}
		at := "2026-11-01T00:00:00.000+08:00"
		paid := "2026-11-03T10:00:00.000+08:00"
		end := "2026-12-01T00:00:00.000+08:00"
		want := []string{
			"行 Row|序号 No.|时间 Time|项目 Item|转出账户 From (credit)|转入账户 To (debit)|金额 Amount|币种 Currency|最小货币单位 Minor units|笔数 Count|可用余额 Available after|案件 Case|付款 Payout|操作人 Actor|原因 Reason",
			"期初 Opening||" + at + "|累计充值 Topped up|||1000.00|CNY|100000||||||",
			"期初 Opening||" + at + "|可用 Available|||1000.00|CNY|100000||||||",
			"期初 Opening||" + at + "|已预留 Reserved|||0.00|CNY|0||||||",
			"期初 Opening||" + at + "|支付中 Paying|||0.00|CNY|0||||||",
			"期初 Opening||" + at + "|已支付 Paid|||0.00|CNY|0||||||",
			"期初 Opening||" + at + "|已核销 Written off|||0.00|CNY|0||||||",
			"明细 Movement|2|" + at + "|预留 Reserve|可用 Available|已预留 Reserved|500.00|CNY|50000||500.00|case-1||wang|set aside for the case",
			"明细 Movement|3|" + paid + "|付款指令 Payment order|已预留 Reserved|支付中 Paying|500.00|CNY|50000||500.00|case-1|p-1|wang|消费者权益保护法第五十五条",
			"明细 Movement|4|" + paid + `|付款成功 Paid|支付中 Paying|已支付 Paid|500.00|CNY|50000||500.00|case-1|p-1|wang|'=HYPERLINK("http://evil.example/","看")`,
			"合计 Total|||充值 Top-up|||0.00|CNY|0|0|||||",
			"合计 Total|||预留 Reserve|||500.00|CNY|50000|1|||||",
			"合计 Total|||释放 Release|||0.00|CNY|0|0|||||",
			"合计 Total|||付款指令 Payment order|||500.00|CNY|50000|1|||||",
			"合计 Total|||付款成功 Paid|||500.00|CNY|50000|1|||||",
			"合计 Total|||付款失败 Payment failed|||0.00|CNY|0|0|||||",
			"合计 Total|||核销 Write-off|||0.00|CNY|0|0|||||",
			"期末 Closing||" + end + "|累计充值 Topped up|||1000.00|CNY|100000||||||",
			"期末 Closing||" + end + "|可用 Available|||500.00|CNY|50000||||||",
			"期末 Closing||" + end + "|已预留 Reserved|||0.00|CNY|0||||||",
			"期末 Closing||" + end + "|支付中 Paying|||0.00|CNY|0||||||",
			"期末 Closing||" + end + "|已支付 Paid|||500.00|CNY|50000||||||",
			"期末 Closing||" + end + "|已核销 Written off|||0.00|CNY|0||||||",
		}
		if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
			t.Errorf("the statement says\n%s\nand not\n%s", a, b)
		}
	})
}

func TestAWorkbookHasNumbersAndNoFormulas(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	twoMonths(b)
	s, err := b.Statement(t.Context(), "acme", "CNY", "2026-11")
	b.must(err)
	file, err := s.XLSX()
	b.must(err)
	book, err := excelize.OpenReader(bytes.NewReader(file))
	b.must(err)
	defer book.Close()
	sheets := book.GetSheetList()
	if len(sheets) != 2 {
		t.Fatalf("sheets: %v", sheets)
	}
	for address, want := range map[string]string{"B1": "acme", "B2": "2026-11", "A9": "累计充值 Topped up", "B9": "1,000.00", "C9": "1,000.00", "C10": "500.00", "C13": "500.00", "B18": "500.00", "C18": "1"} {
		if got, err := book.GetCellValue(sheets[0], address); got != want || err != nil {
			t.Errorf("%s of the first sheet is %q, not %q (%v)", address, got, want, err)
		}
	}
	rows, err := book.GetRows(sheets[1])
	b.must(err)
	if len(rows) != 4 || rows[3][14] != `=HYPERLINK("http://evil.example/","看")` || rows[3][6] != "500.00" || rows[1][13] != "wang" {
		t.Errorf("the movements are %q", rows)
	}
	if kind, err := book.GetCellType(sheets[1], "G4"); err != nil || kind != excelize.CellTypeUnset && kind != excelize.CellTypeNumber {
		t.Errorf("an amount is of type %d, %v", kind, err)
	}
	unzipped, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	b.must(err)
	for _, part := range unzipped.File {
		r, err := part.Open()
		b.must(err)
		text, err := io.ReadAll(r)
		b.must(err)
		if strings.HasPrefix(part.Name, "xl/worksheets/") && (bytes.Contains(text, []byte("<f>")) || bytes.Contains(text, []byte("<f "))) {
			t.Errorf("%s has a formula", part.Name)
		}
	}
}

func TestTheSameBooksGiveTheSameBytesAndOneMonthOpensAsTheLastClosed(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	twoMonths(b)
	var before fund.Statement
	for _, month := range []string{"2026-09", "2026-10", "2026-11", "2026-12"} {
		s, err := b.Statement(t.Context(), "acme", "CNY", month)
		b.must(err)
		if month > "2026-09" && s.Opening != before.Closing {
			t.Errorf("%s opens with %+v; the month before closed with %+v", month, s.Opening, before.Closing)
		}
		before = s
	}
	if all, err := b.Balances(t.Context(), "acme"); err != nil || all[0].Amounts != before.Closing {
		t.Errorf("December closes with %+v, and the books stand at %+v", before.Closing, all)
	}
	files := func() (out []string) {
		s, err := b.Statement(t.Context(), "acme", "CNY", "2026-11")
		b.must(err)
		for _, write := range []func() ([]byte, error){s.CSV, s.XLSX} {
			file, err := write()
			b.must(err)
			out = append(out, string(file))
		}
		return out
	}
	first := files()
	b.set("2027-02-01T00:00:00+08:00")
	if again := files(); again[0] != first[0] || again[1] != first[1] {
		t.Error("the same statement has other bytes")
	}
	for _, month := range []string{"2026-13", "2026-1", "november", "", "2027-03"} {
		if _, err := b.Statement(t.Context(), "acme", "CNY", month); code(err) != fund.Invalid {
			t.Errorf("the month %q: %v", month, err)
		}
	}
}

func TestAmountsAreWrittenAsTheirCurrencyHasThem(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	for currency, want := range map[string]string{"JPY": "1234567", "KWD": "1234.567", "USD": "12345.67"} {
		m := policies.Money{Minor: 1234567, Currency: currency}
		b.topUp(currency, m)
		s, err := b.Statement(t.Context(), "acme", currency, "2026-11")
		b.must(err)
		file, err := s.CSV()
		b.must(err)
		if !strings.Contains(string(file), ","+want+","+currency+",1234567,") {
			t.Errorf("%s: %s", currency, file)
		}
	}
	b.topUp("most", cny(fund.MaxMinor))
	s, err := b.Statement(t.Context(), "acme", "CNY", "2026-11")
	b.must(err)
	file, err := s.XLSX()
	b.must(err)
	book, err := excelize.OpenReader(bytes.NewReader(file))
	b.must(err)
	defer book.Close()
	if got, err := book.GetCellValue(book.GetSheetList()[1], "G2", excelize.Options{RawCellValue: true}); got != "90071992547409.91" || err != nil {
		t.Errorf("the largest amount is %s, %v", got, err)
	}
}

func TestDaysAreThoseOfTheTenantsZone(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		twoMonths(b)
		day := func(s string) time.Time {
			at, err := time.Parse(time.RFC3339, s)
			b.must(err)
			return at
		}
		days, err := b.Days(t.Context(), "acme", "CNY", day("2026-10-30T16:30:00Z"), day("2026-11-04T12:00:00+08:00"))
		b.must(err)
		var got []string
		for _, d := range days {
			got = append(got, fmt.Sprint(d.Day, " ", d.ToppedUp/100, d.Available/100, d.Reserved/100, d.Paid/100))
		}
		want := "2026-10-31 1000 1000 0 0; 2026-11-01 1000 500 500 0; 2026-11-02 1000 500 500 0; 2026-11-03 1000 500 0 500; 2026-11-04 1000 500 0 500"
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%s\nnot\n%s", s, want)
		}
		if _, err := b.Days(as(t.Context(), "sun", "other"), "acme", "CNY", b.now(), b.now()); code(err) != fund.Foreign {
			t.Errorf("another tenant's days: %v", err)
		}
		if _, err := b.Days(t.Context(), "acme", "CNY", b.now(), b.now().AddDate(-1, 0, 0)); code(err) != fund.Invalid {
			t.Errorf("days that end before they begin: %v", err)
		}
	})
}
