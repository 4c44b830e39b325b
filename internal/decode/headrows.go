package decode

import (
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/gemma"
)

// headRows returns the rows to compute for ranges of ids: runs of rows, each of
// which holds whole ranges. With aligned all runs begin at a multiple of 256, so
// that rows of every type begin at one of 256 bytes: drivers of GPUs may want
// that of operands.
func headRows(allowed []grammar.Range, vocabulary int, aligned bool) []gemma.Rows {
	var rows []gemma.Rows
	for _, r := range allowed {
		first, last := int(r.First), int(r.Last)
		if last-first > headGap || aligned {
			first, last = first/headAlign*headAlign, min((last+headAlign-1)/headAlign*headAlign, vocabulary)
		}
		if n := len(rows); n > 0 && first <= rows[n-1].First+rows[n-1].Len+headGap {
			rows[n-1].Len = max(rows[n-1].Len, last-rows[n-1].First)
		} else {
			rows = append(rows, gemma.Rows{First: first, Len: last - first})
		}
	}
	if len(rows) > headRuns {
		return []gemma.Rows{{First: 0, Len: vocabulary}}
	}
	return rows
}

// pick appends the logits of ranges in a column to list.
func (h *head) pick(list []float32, column int, allowed []grammar.Range) []float32 {
	logits, rows := h.column(column), h.form.rows
	run, before := 0, 0 // run of rows, and how many rows are before it
	for _, r := range allowed {
		for int(r.First) >= rows[run].First+rows[run].Len {
			before += rows[run].Len
			run++
		}
		from := before + int(r.First) - rows[run].First
		list = append(list, logits[from:from+int(r.Last-r.First)]...)
	}
	return list
}
