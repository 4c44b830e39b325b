package paligemma

import (
	"context"
	"iter"
	"slices"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// A head is the graph of the logits of some tokens. It is apart from the graph
// of a step, which is the same whatever may come next.
type head struct {
	g      *nn.Graph
	rows   []gemma.Rows
	x, out nn.Tensor
	logits []float32 // of rows, one run after another
}

// Sizes of heads. A row costs less than a node of a graph, and a graph less than
// many of them.
const (
	headGap   = 16  // ranges no farther apart are computed as one
	headAlign = 256 // longer ones are widened to its multiples, so that few heads serve all
	headRuns  = 256 // with more, the head computes all tokens
	mostHeads = 32  // that a session keeps
)

// headRows are the rows to compute for ranges of ids: runs of which each holds
// whole ranges.
func headRows(allowed []Range, vocabulary int) []gemma.Rows {
	var rows []gemma.Rows
	for _, r := range allowed {
		first, last := int(r.First), int(r.Last)
		if last-first > headGap {
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

// logits returns those of the tokens allowed, in order, after the last token.
// They are valid until the next call. If there is one token only, its logit is
// 0: it cannot matter.
func (s *Session) logits(ctx context.Context, allowed []Range) ([]float32, error) {
	if len(allowed) == 1 && allowed[0].Last == allowed[0].First+1 {
		return []float32{0}, nil
	}
	h, err := s.head(headRows(allowed, s.model.cfg.Vocabulary))
	if err != nil {
		return nil, err
	}
	if err := nn.Set(h.g, h.x, s.hidden); err != nil {
		return nil, err
	}
	if err := h.g.Compute(ctx); err != nil {
		return nil, err
	}
	if err := nn.Get(h.g, h.out, h.logits); err != nil {
		return nil, err
	}
	return h.of(allowed), nil
}

// of picks the logits of ranges, moving them to the front.
func (h *head) of(allowed []Range) []float32 {
	n, run, before := 0, 0, 0 // picked; run of rows, and how many rows are before it
	for _, r := range allowed {
		for int(r.First) >= h.rows[run].First+h.rows[run].Len {
			before += h.rows[run].Len
			run++
		}
		from := before + int(r.First) - h.rows[run].First
		n += copy(h.logits[n:], h.logits[from:from+int(r.Last-r.First)])
	}
	return h.logits[:n]
}

// head returns the graph for rows, which it may have already.
func (s *Session) head(rows []gemma.Rows) (*head, error) {
	for _, h := range s.heads {
		if slices.Equal(h.rows, rows) {
			return h, nil
		}
	}
	if len(s.heads) == mostHeads {
		s.closeHeads()
	}
	g, err := nn.NewGraph(s.backend, gemma.LogitsNodes(len(rows)), s.model.opts.Trace)
	if err != nil {
		return nil, err
	}
	h := &head{g: g, rows: rows, x: g.Input("hidden", bindings.F32, s.model.cfg.text.Width)}
	h.out = s.model.decoder.Logits(g, h.x, rows)
	if err := g.Compile(h.out); err != nil {
		g.Close()
		return nil, err
	}
	h.logits = make([]float32, h.out.Len())
	s.heads = append(s.heads, h)
	return h, nil
}

func (s *Session) closeHeads() {
	for _, h := range s.heads {
		h.g.Close()
	}
	s.heads = nil
	s.best.close()
	s.best = nil
}

// everything is all ids.
func (m *Model) everything() []Range { return []Range{{0, int32(m.cfg.Vocabulary)}} }

// each counts through ids: those of ranges, in order.
func each(all []Range) iter.Seq2[int, int32] {
	return func(yield func(int, int32) bool) {
		i := 0
		for _, r := range all {
			for id := r.First; id < r.Last; id++ {
				if !yield(i, id) {
					return
				}
				i++
			}
		}
	}
}
