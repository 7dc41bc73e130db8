package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"mingjian/audit/export/report"
)

// What somebody wrote is never run by a spreadsheet, and the same table is the same bytes.
func TestCellsStayText(t *testing.T) {
	wicked := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "harmless"}
	table := report.Table{Sheet: "one", Header: []string{"a", "b"}, Rows: func(each func(...any) error) error {
		for i, s := range wicked {
			if err := each(s, i); err != nil {
				return err
			}
		}
		return nil
	}}
	var csv, book, again bytes.Buffer
	if err := report.CSV(&csv, table); err != nil {
		t.Fatal(err)
	}
	second, third := table, table
	second.Sheet, third.Sheet = "two", "three"
	if err := report.XLSX(&book, []report.Table{table, second, third}); err != nil {
		t.Fatal(err)
	}
	for range 12 { // the library goes through its sheets in any order
		again.Reset()
		if err := report.XLSX(&again, []report.Table{table, second, third}); err != nil || !bytes.Equal(book.Bytes(), again.Bytes()) {
			t.Fatalf("the same workbook again is of other bytes (%v)", err)
		}
	}
	f, err := excelize.OpenReader(&book)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.GetRows("one")
	if err != nil || len(rows) != len(wicked)+1 {
		t.Fatalf("%v, %v", rows, err)
	}
	for i, s := range wicked {
		want := "'" + s
		if s == "harmless" {
			want = s
		}
		if got := rows[i+1][0]; got != want && got != strings.ReplaceAll(want, "\r", "\n") {
			t.Errorf("the workbook has %q for %q", got, s)
		}
		if formula, _ := f.GetCellFormula("one", "A2"); formula != "" {
			t.Errorf("a formula: %q", formula)
		}
		if !strings.Contains(csv.String(), strings.ReplaceAll(want, "\r", "")) {
			t.Errorf("the CSV has no %q:\n%s", want, csv.String())
		}
	}
}

// What customers and bots said stands in pages as text.
func TestPagesRunNothing(t *testing.T) {
	const wicked = `</style><script>alert(1)</script><img src=x onerror=alert(1)>`
	var page bytes.Buffer
	c := &report.Conversation{Session: wicked, Entrance: wicked, Lines: []report.Line{{Role: wicked, Kind: wicked, Text: wicked, Label: "AI生成", Speech: true, Remarks: []report.Remark{{Rule: wicked, Facts: report.Facts(wicked, time.UTC, nil), Status: wicked}}}}}
	if err := report.Page(&page, c); err != nil {
		t.Fatal(err)
	}
	r := &report.Report{Tenant: wicked, Purpose: wicked, Whole: true, Clauses: []report.Clause{{ID: wicked, Instrument: wicked, Statuses: []report.Status{{Status: wicked}}, Examples: []report.Example{{Session: wicked, Lines: c.Lines}}}}}
	if err := report.HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if text := page.String(); strings.Contains(text, "<script") || strings.Contains(text, "<img") || !strings.Contains(text, "&lt;script&gt;") || !strings.Contains(text, "AI生成") {
		t.Errorf("a page with what was said:\n%s", text)
	}
}
