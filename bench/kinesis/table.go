package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// table is printed as Markdown, in columns that also a terminal shows as such.
type table struct {
	title string
	rows  [][]string // the first is the head
}

func newTable(title string, columns ...string) *table {
	return &table{title, [][]string{columns}}
}

func (t *table) row(cells ...any) {
	var row []string
	for _, c := range cells {
		row = append(row, fmt.Sprint(c))
	}
	t.rows = append(t.rows, row)
}

func (t *table) print(w io.Writer) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", t.title)
	for n, row := range t.rows {
		for i, cell := range row {
			fmt.Fprintf(&b, "| %-*s ", widths[i], cell)
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, width := range widths {
				b.WriteString("|" + strings.Repeat("-", width+2))
			}
			b.WriteString("|\n")
		}
	}
	io.WriteString(w, b.String())
}

// count writes a number with commas.
func count(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// decimal shows three digits or all those before the point.
func decimal(f float64) string {
	switch {
	case f >= 100:
		return count(f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func micros(d time.Duration) string { return decimal(float64(d.Nanoseconds()) / 1e3) }

func megabytes(bytes float64) string { return decimal(bytes / 1e6) }
