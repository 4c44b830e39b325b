package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pgcli/paligemma/internal/legible"
)

// A benchResult is a row of the output.
type benchResult struct {
	benchSetup
	Test      string  `json:"test"`
	Tokens    int     `json:"tokens,omitempty"`
	Runs      int     `json:"runs"`
	Mean      float64 `json:"mean_ms"`
	Deviation float64 `json:"deviation_ms"` // standard deviation of the sample
	Median    float64 `json:"median_ms"`
	Rate      float64 `json:"tokens_per_second,omitempty"` // mean

	// With --compare-ggml.
	GGML  float64 `json:"ggml_median_ms,omitempty"`
	Ratio float64 `json:"ratio,omitempty"` // ggml's time over ours, the median over neighbouring pairs
}

// result computes the figures of a row.
func (r benchRow) result() benchResult {
	own := r.times[0]
	out := benchResult{benchSetup: r.setup, Test: r.name, Tokens: r.tokens, Runs: len(own), Median: median(own)}
	var rates float64
	for _, t := range own {
		out.Mean += ms(t) / float64(len(own))
		rates += rate(r.tokens, t)
	}
	out.Rate = rates / float64(len(own))
	for _, t := range own {
		out.Deviation += (ms(t) - out.Mean) * (ms(t) - out.Mean)
	}
	out.Deviation = math.Sqrt(out.Deviation / float64(max(1, len(own)-1)))
	if len(r.times) > 1 {
		out.GGML = median(r.times[1])
		ratios := make([]float64, len(own))
		for i := range own {
			ratios[i] = float64(r.times[1][i]) / float64(own[i])
		}
		out.Ratio = middle(ratios)
	}
	return out
}

// median returns the median in milliseconds.
func median(times []time.Duration) float64 {
	v := make([]float64, len(times))
	for i, t := range times {
		v[i] = ms(t)
	}
	return middle(v)
}

// middle returns the median of v, and sorts v.
func middle(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// cells returns the columns of a result; the columns of a comparison come last.
func (r benchResult) cells() []string {
	number := func(v float64) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", v)
	}
	tokens := ""
	if r.Tokens > 0 {
		tokens = fmt.Sprint(r.Tokens)
	}
	row := []string{r.Test, r.Model, fmt.Sprint(r.Threads), tokens, number(r.Mean), number(r.Deviation), number(r.Median), number(r.Rate)}
	if r.Ratio > 0 {
		row = append(row, number(r.GGML), number(r.Ratio))
	}
	return row
}

// benchTable returns the header and the rows of the output. The columns model and
// threads are there if they differ, or all is set.
func benchTable(rows []benchRow, all bool) [][]string {
	header := []string{"test", "model", "threads", "tokens", "ms", "± ms", "median ms", "tokens/s"}
	if len(rows) > 0 && len(rows[0].times) > 1 {
		header = append(header, "ggml median ms", "times faster")
	}
	table := [][]string{header}
	for _, r := range rows {
		table = append(table, r.result().cells())
	}
	for _, column := range []int{2, 1} { // the right one first
		differ := slices.ContainsFunc(table[1:], func(row []string) bool { return row[column] != table[1][column] })
		if differ || all {
			continue
		}
		for i := range table {
			table[i] = slices.Delete(table[i], column, column+1)
		}
	}
	return table
}

// benchHeader says what was measured: each model, then threads, kernels and versions.
func benchHeader(rows []benchRow) string {
	var b strings.Builder
	var models, threads, kernels []string
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for _, r := range rows {
		add(&models, fmt.Sprintf("%s, %s, %s", cell(r.setup.Model), size(r.setup.Bytes), r.setup.Type))
		add(&threads, fmt.Sprint(r.setup.Threads))
		add(&kernels, r.setup.Kernels)
	}
	for _, m := range models {
		fmt.Fprintf(&b, "model    %s\n", m)
	}
	fmt.Fprintf(&b, "threads  %s\nkernels  %s\n", strings.Join(threads, ", "), strings.Join(kernels, ", "))
	fmt.Fprintf(&b, "version  pgcli %s, ggml %s\n\n", rows[0].setup.Version, rows[0].setup.Engine)
	return b.String()
}

// benchMarkdown writes what was measured, and the table.
func benchMarkdown(w io.Writer, rows []benchRow) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := io.WriteString(w, benchHeader(rows)); err != nil {
		return err
	}
	return writeMarkdown(w, benchTable(rows, false))
}

// writeMarkdown writes a table whose columns also line up as plain text: the first
// is aligned left, the others right. A terminal that is too narrow gets a block for
// each row.
func writeMarkdown(w io.Writer, table [][]string) error {
	if isTerminal(w) && tableWidth(table)+len(table[0])+2 > terminalWidth(w) {
		return printBlocks(w, table)
	}
	widths := make([]int, len(table[0]))
	for _, row := range table {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	line := func(row []string) string {
		s := "|"
		for i, cell := range row {
			if i == 0 {
				s += fmt.Sprintf(" %-*s |", widths[i], cell)
			} else {
				s += fmt.Sprintf(" %*s |", widths[i], cell)
			}
		}
		return s + "\n"
	}
	text := line(table[0]) + "|"
	for i, n := range widths {
		rule := make([]byte, n+1)
		for k := range rule {
			rule[k] = '-'
		}
		end := ":"
		if i == 0 {
			end = "-"
		}
		text += string(rule) + end + "|"
	}
	text += "\n"
	for _, row := range table[1:] {
		text += line(row)
	}
	_, err := io.WriteString(w, text)
	return err
}

// benchCSV writes the table's cells.
func benchCSV(w io.Writer, rows []benchRow) error {
	return writeCSV(w, benchTable(rows, true))
}

func writeCSV(w io.Writer, table [][]string) error { return csv.NewWriter(w).WriteAll(table) }

// benchJSON writes an array of results.
func benchJSON(w io.Writer, rows []benchRow) error {
	results := make([]benchResult, len(rows))
	for i, r := range rows {
		results[i] = r.result()
	}
	return writeJSON(w, results)
}

func writeJSON(w io.Writer, v any) error { return json.NewEncoder(legible.JSON(w)).Encode(v) }
