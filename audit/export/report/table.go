package report

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// Table is rows for a spreadsheet. Cells are strings and ints; strings are never taken for formulas.
type Table struct {
	Sheet  string
	Header []string
	Rows   func(each func(cells ...any) error) error
}

// safe makes text of what a spreadsheet would take for a formula (OWASP, CSV injection).
func safe(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// CSV writes a table: UTF-8 with the mark by which spreadsheets know it, lines as RFC 4180 ends them.
func CSV(w io.Writer, t Table) error {
	out := bufio.NewWriterSize(w, 1<<16)
	if _, err := out.WriteString("\ufeff"); err != nil {
		return err
	}
	c := csv.NewWriter(out)
	c.UseCRLF = true
	if err := c.Write(t.Header); err != nil {
		return err
	}
	var record []string
	if err := t.Rows(func(cells ...any) error {
		record = record[:0]
		for _, v := range cells {
			if s, ok := v.(string); ok {
				record = append(record, safe(s))
			} else {
				record = append(record, fmt.Sprint(v))
			}
		}
		return c.Write(record)
	}); err != nil {
		return err
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return err
	}
	return out.Flush()
}

const (
	// sheetRows is how many rows of a table a workbook gets, its header excluded. A sheet could have a million
	// (ECMA-376), which no desk opens; the CSV files have them all.
	sheetRows = 100_000
	// cellText is how long a cell may be, in characters (ECMA-376).
	cellText = 32_767
)

// XLSX writes tables as sheets of one workbook. Of a table that is too long the first rows are there, and the
// last row says so.
func XLSX(w io.Writer, tables []Table) error {
	book := excelize.NewFile()
	defer book.Close()
	bold, err := book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return fmt.Errorf("write the workbook: %w", err)
	}
	// Its own moments would be the clock's, and the same package is to be the same bytes.
	if err := book.SetDocProps(&excelize.DocProperties{Creator: "mingjian", Created: epoch, Modified: epoch}); err != nil {
		return fmt.Errorf("write the workbook: %w", err)
	}
	for i, t := range tables {
		if i == 0 {
			err = book.SetSheetName("Sheet1", t.Sheet)
		} else {
			_, err = book.NewSheet(t.Sheet)
		}
		if err == nil {
			err = sheet(book, t, bold)
		}
		if err != nil {
			return fmt.Errorf("write the workbook: sheet %s: %w", t.Sheet, err)
		}
	}
	b, err := book.WriteToBuffer()
	if err == nil {
		err = inOrder(w, b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("write the workbook: %w", err)
	}
	return nil
}

// inOrder writes a workbook's parts by name: the library writes those of streamed sheets in any order.
func inOrder(w io.Writer, book []byte) error {
	in, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		return err
	}
	slices.SortFunc(in.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	out := zip.NewWriter(w)
	for _, f := range in.File {
		if err := out.Copy(f); err != nil {
			return err
		}
	}
	return out.Close()
}

// epoch is the moment that a workbook says it was made: none.
var epoch = time.Unix(0, 0).UTC().Format(time.RFC3339)

func sheet(book *excelize.File, t Table, bold int) error {
	out, err := book.NewStreamWriter(t.Sheet)
	if err != nil {
		return err
	}
	if err := out.SetColWidth(1, max(1, len(t.Header)), 22); err != nil {
		return err
	}
	if err := out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	row := 1
	put := func(cells []any) error {
		at, err := excelize.CoordinatesToCellName(1, row)
		if err != nil {
			return err
		}
		row++
		return out.SetRow(at, cells)
	}
	head := make([]any, len(t.Header))
	for i, h := range t.Header {
		head[i] = excelize.Cell{StyleID: bold, Value: h}
	}
	if err := put(head); err != nil {
		return err
	}
	left := 0
	if err := t.Rows(func(cells ...any) error {
		if row > sheetRows {
			left++
			return nil
		}
		for i, v := range cells {
			if s, ok := v.(string); ok {
				if r := []rune(s); len(r) > cellText-1 {
					s = string(r[:cellText-1])
				}
				cells[i] = safe(s)
			}
		}
		return put(cells)
	}); err != nil {
		return err
	}
	if left > 0 {
		if err := put([]any{fmt.Sprintf("其余 %d 行见 CSV 文件 %d more rows are in the CSV file", left, left)}); err != nil {
			return err
		}
	}
	return out.Flush()
}
