package decode

import (
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/gemma"
)

// headRows returns the rows of the output head to compute for ranges of ids; each Rows
// holds whole ranges. With aligned each begins at a multiple of 256 rows, and so, whatever
// the type, at a multiple of 256 bytes, as drivers of GPUs may want of operands.
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
	if len(rows) > mostRows {
		return []gemma.Rows{{First: 0, Len: vocabulary}}
	}
	return rows
}

// pick appends the logits of ranges in a column to list.
func (h *head) pick(list []float32, column int, allowed []grammar.Range) []float32 {
	logits, rows := h.logits(column), h.form.rows
	i, before := 0, 0 // index into rows, and how many rows are before rows[i]
	for _, r := range allowed {
		for int(r.First) >= rows[i].First+rows[i].Len {
			before += rows[i].Len
			i++
		}
		from := before + int(r.First) - rows[i].First
		list = append(list, logits[from:from+int(r.Last-r.First)]...)
	}
	return list
}
