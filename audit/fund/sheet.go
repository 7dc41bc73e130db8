package fund

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// Statements are read in Chinese and in English; every heading says both, so that one file serves all.
var (
	accountNames = map[Account]string{
		Outside: "累计充值 Topped up", Available: "可用 Available", Reserved: "已预留 Reserved", Paying: "支付中 Paying", Paid: "已支付 Paid", WrittenOff: "已核销 Written off",
	}
	kindNames = map[Kind]string{
		TopUp: "充值 Top-up", Reserve: "预留 Reserve", Release: "释放 Release", Pay: "付款指令 Payment order",
		Settle: "付款成功 Paid", Fail: "付款失败 Payment failed", WriteOff: "核销 Write-off",
	}
)

// line is one row of a statement. What is not said of it is empty.
type line struct {
	what   string // opening, movement, total, closing
	entry  Entry
	name   string // of the account or kind
	minor  int64
	count  string
	atText string
}

// columns are the headings of a statement's rows.
var columns = []string{
	"行 Row", "序号 No.", "时间 Time", "项目 Item", "转出账户 From (credit)", "转入账户 To (debit)", "金额 Amount", "币种 Currency", "最小货币单位 Minor units", "笔数 Count",
	"可用余额 Available after", "案件 Case", "付款 Payout", "操作人 Actor", "原因 Reason", "分录 Entry",
}

const (
	amountColumn = 6 // of columns, from 0
	afterColumn  = 10
)

// lines are a statement's rows: opening balances, movements, totals by kind, closing balances.
func (s Statement) lines() (out []line) {
	for _, a := range accounts {
		out = append(out, line{what: "期初 Opening", name: accountNames[a], minor: s.Opening.of(a), atText: s.clock(s.From)})
	}
	for _, e := range s.Movements {
		out = append(out, line{what: "明细 Movement", name: kindNames[e.Kind], entry: e, minor: e.Minor, atText: s.clock(e.At)})
	}
	for _, t := range s.Totals {
		out = append(out, line{what: "合计 Total", name: kindNames[t.Kind], minor: t.Minor, count: strconv.Itoa(t.Count)})
	}
	for _, a := range accounts {
		out = append(out, line{what: "期末 Closing", name: accountNames[a], minor: s.Closing.of(a), atText: s.clock(s.To)})
	}
	return out
}

func (s Statement) clock(t time.Time) string {
	return t.In(s.zone).Format("2006-01-02T15:04:05.000-07:00")
}

// cells are a row's, as text.
func (s Statement) cells(l line) []string {
	e := l.entry
	number, after, from, to := "", "", "", ""
	if e.ID != "" {
		number, after = strconv.FormatInt(e.Number, 10), major(e.After, s.Currency)
		from, to = accountNames[e.Credit], accountNames[e.Debit]
		if e.Credit == Outside {
			from = "外部 Outside"
		}
	}
	return []string{
		l.what, number, l.atText, l.name, from, to, major(l.minor, s.Currency), s.Currency, strconv.FormatInt(l.minor, 10), l.count,
		after, e.CaseID, e.PayoutID, e.Actor, e.Reason, e.ID,
	}
}

// CSV is the statement for spreadsheets: UTF-8 with the mark by which they know it, lines as RFC 4180
// ends them. The same books give the same bytes.
func (s Statement) CSV() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rows := [][]string{columns}
	for _, l := range s.lines() {
		rows = append(rows, safe(s.cells(l)))
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("write a statement: %w", err)
	}
	return b.Bytes(), nil
}

// safe keeps a spreadsheet from running what somebody wrote: a cell that would be read as a formula is
// made text (OWASP, CSV injection).
func safe(cells []string) []string {
	for i, s := range cells {
		if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
			cells[i] = "'" + s
		}
	}
	return cells
}

// The sheets of a workbook.
const (
	summarySheet  = "对账单 Statement"
	movementSheet = "明细 Movements"
)

// XLSX is the statement as a workbook (ECMA-376): a sheet with balances and totals, one with the
// movements. Amounts are numbers, everything else is text and never a formula. The same books give the
// same bytes.
func (s Statement) XLSX() ([]byte, error) {
	book := sheets{File: excelize.NewFile()}
	defer book.Close()
	book.did(book.SetSheetName("Sheet1", summarySheet))
	_, err := book.NewSheet(movementSheet)
	book.did(err)
	format := "#,##0"
	if n := scale(s.Currency); n > 0 {
		format += "." + strings.Repeat("0", int(n))
	}
	amount, err := book.NewStyle(&excelize.Style{CustomNumFmt: &format})
	book.did(err)
	bold, err := book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	book.did(err)

	row := 1
	for _, about := range [][2]string{
		{"租户 Tenant", s.Tenant}, {"月份 Month", s.Month}, {"时区 Zone", s.Zone}, {"币种 Currency", s.Currency}, {"自 From", s.clock(s.From)}, {"至 To", s.clock(s.To)},
	} {
		book.text(summarySheet, 1, row, about[0])
		book.text(summarySheet, 2, row, about[1])
		row++
	}
	row++
	book.head(summarySheet, row, bold, "账户 Account", "期初 Opening", "期末 Closing")
	for _, a := range accounts {
		row++
		book.text(summarySheet, 1, row, accountNames[a])
		book.number(summarySheet, 2, row, amount, s.Opening.of(a), s.Currency)
		book.number(summarySheet, 3, row, amount, s.Closing.of(a), s.Currency)
	}
	row += 2
	book.head(summarySheet, row, bold, "项目 Item", "金额 Amount", "笔数 Count")
	for _, t := range s.Totals {
		row++
		book.text(summarySheet, 1, row, kindNames[t.Kind])
		book.number(summarySheet, 2, row, amount, t.Minor, s.Currency)
		book.did(book.SetCellInt(summarySheet, cell(3, row), int64(t.Count)))
	}
	book.head(movementSheet, 1, bold, columns...)
	row = 1
	for _, l := range s.lines() {
		if l.entry.ID == "" {
			continue
		}
		row++
		for i, text := range s.cells(l) {
			switch i {
			case amountColumn:
				book.number(movementSheet, i+1, row, amount, l.minor, s.Currency)
			case afterColumn:
				book.number(movementSheet, i+1, row, amount, l.entry.After, s.Currency)
			default:
				book.text(movementSheet, i+1, row, text)
			}
		}
	}
	book.did(book.SetColWidth(summarySheet, "A", "C", 24))
	book.did(book.SetColWidth(movementSheet, "A", "P", 20))
	book.did(book.SetPanes(movementSheet, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}))
	if book.err != nil {
		return nil, fmt.Errorf("write a statement: %w", book.err)
	}
	out, err := book.WriteToBuffer()
	if err != nil {
		return nil, fmt.Errorf("write a statement: %w", err)
	}
	return out.Bytes(), nil
}

// sheets is a workbook that remembers the first error.
type sheets struct {
	*excelize.File
	err error
}

func (b *sheets) did(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *sheets) text(sheet string, column, row int, s string) {
	if s != "" {
		b.did(b.SetCellStr(sheet, cell(column, row), s))
	}
}

// number writes the digits themselves: a float would not keep the last of fifteen.
func (b *sheets) number(sheet string, column, row, style int, minor int64, currency string) {
	b.did(b.SetCellDefault(sheet, cell(column, row), major(minor, currency)))
	b.did(b.SetCellStyle(sheet, cell(column, row), cell(column, row), style))
}

func (b *sheets) head(sheet string, row, style int, names ...string) {
	for i, name := range names {
		b.text(sheet, i+1, row, name)
	}
	b.did(b.SetCellStyle(sheet, cell(1, row), cell(len(names), row), style))
}

// cell is an address as spreadsheets write it.
func cell(column, row int) string {
	name, _ := excelize.CoordinatesToCellName(column, row) // both are positive
	return name
}
