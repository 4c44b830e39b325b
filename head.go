package paligemma

import (
	"context"
	"iter"
	"slices"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// A head is a graph of what the last hidden state says of the next token: the
// logits of some tokens, or in Session.best what all come to. It is apart from
// the graph of a step, which is the same whatever may come next.
type head struct {
	g      *nn.Graph
	rows   []gemma.Rows // of logits
	x, out nn.Tensor
	result []float32 // logits of rows, one run after another
}

// newHead returns the head that build makes of a hidden state [d].
func (s *Session) newHead(nodes int, build func(g *nn.Graph, x nn.Tensor) nn.Tensor) (*head, error) {
	g, err := nn.NewGraph(s.backend, nodes, s.model.opts.Trace)
	if err != nil {
		return nil, err
	}
	h := &head{g: g, x: g.Input("hidden", gguf.F32, s.model.cfg.text.Width)}
	h.out = build(g, h.x)
	if err := g.Compile(h.out); err != nil {
		g.Close()
		return nil, err
	}
	h.result = make([]float32, h.out.Len())
	return h, nil
}

// compute sets the result for a hidden state.
func (h *head) compute(ctx context.Context, hidden []float32) error {
	if err := nn.Set(h.g, h.x, hidden); err != nil {
		return err
	}
	if err := h.g.Compute(ctx); err != nil {
		return err
	}
	return nn.Get(h.g, h.out, h.result)
}

// close frees the graph. It is safe on nil.
func (h *head) close() {
	if h != nil {
		h.g.Close()
	}
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
// whole ranges. With aligned all begin at a multiple of 256, so that rows of every
// type begin at one of 256 bytes: drivers of GPUs may want as much of operands.
func headRows(allowed []Range, vocabulary int, aligned bool) []gemma.Rows {
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

// logits returns those of the tokens allowed, in order, after the last token.
// They are valid until the next call. If there is one token only, its logit is
// 0: it cannot matter.
func (s *Session) logits(ctx context.Context, allowed []Range) ([]float32, error) {
	if len(allowed) == 1 && allowed[0].Last == allowed[0].First+1 {
		return []float32{0}, nil
	}
	h, err := s.head(headRows(allowed, s.model.cfg.Vocabulary, s.model.device.Type() != bindings.CPU))
	if err != nil {
		return nil, err
	}
	if err := h.compute(ctx, s.hidden); err != nil {
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
		n += copy(h.result[n:], h.result[from:from+int(r.Last-r.First)])
	}
	return h.result[:n]
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
	h, err := s.newHead(gemma.LogitsNodes(len(rows)), func(g *nn.Graph, x nn.Tensor) nn.Tensor {
		return s.model.decoder.Logits(g, x, rows)
	})
	if err != nil {
		return nil, err
	}
	h.rows = rows
	s.heads = append(s.heads, h)
	return h, nil
}

func (s *Session) closeHeads() {
	for _, h := range s.heads {
		h.close()
	}
	s.heads = nil
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
