package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// printTable prints rows in columns; the first row is the header. On a
// terminal that is too narrow each row becomes a block of lines, a name and a value
// on each.
func printTable(w io.Writer, rows [][]string) error {
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i])
		}
	}
	if isTerminal(w) && tableWidth(rows) > terminalWidth(w) {
		return printBlocks(w, rows)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// tableWidth returns the columns that a terminal needs for rows.
func tableWidth(rows [][]string) int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	total := 2 * max(0, len(widths)-1) // between columns
	for _, n := range widths {
		total += n
	}
	return total
}

// printBlocks prints a line for the first cell of each row, and below it an indented
// line for each of the others.
func printBlocks(w io.Writer, rows [][]string) error {
	var b strings.Builder
	for _, row := range rows[1:] {
		fmt.Fprintf(&b, "%s %s\n", rows[0][0], row[0])
		for i, cell := range row[1:] {
			if cell != "" && cell != "-" {
				fmt.Fprintf(&b, "%s\n", wrap("  "+rows[0][i+1]+" "+cell, terminalWidth(w), 4))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
