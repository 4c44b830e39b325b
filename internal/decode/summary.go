package decode

import (
	"context"
	"math"

	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// A Summary holds the softmax statistics of the logits of all tokens.
type Summary struct {
	Argmax    int32   // token with the greatest logit, the first of equals
	Max       float32 // its logit
	LogSumExp float32 // log(sum(exp(logit)))

	runs []nn.Run // the same of every 64 tokens, valid until the next Summary
}

// A summaryHead is the graph of a Summary.
type summaryHead struct {
	headGraph
	runs []nn.Run
}

// CanSummarize reports whether Summary works: kernels read the output head, and
// no trace wants the logits.
func (d *Decoder) CanSummarize() bool {
	return d.Trace == nil && d.backend.ReadsRows(d.gemma.Embedding)
}

// Summary computes the softmax statistics of all logits of a sequence's next
// token, without keeping the logits. ok is false if a logit is not finite.
func (d *Decoder) Summary(ctx context.Context, s *Sequence) (sum Summary, ok bool, err error) {
	if d.summary == nil {
		graph, err := d.newHead(gemma.LogitsNodes(1), d.gemma.Runs)
		if err != nil {
			return Summary{}, false, err
		}
		d.summary = &summaryHead{graph, make([]nn.Run, graph.out.Dim(1))}
	}
	h := d.summary
	if err := h.compute(ctx, s); err != nil {
		return Summary{}, false, err
	}
	if err := nn.GetRuns(h.g, h.out, h.runs); err != nil {
		return Summary{}, false, err
	}
	sum = summarize(h.runs)
	return sum, sum.Max-sum.Max == 0, nil
}

// summarize joins the statistics of runs. If a logit is not finite, neither is
// Max.
func summarize(runs []nn.Run) Summary {
	all, sum := Summary{Max: float32(math.Inf(-1)), runs: runs}, 0.0
	for i, r := range runs {
		switch {
		case r.Max > all.Max:
			all.Argmax = int32(i*nn.RunRows + r.Argmax)
			sum = sum*math.Exp(float64(all.Max-r.Max)) + float64(r.SumExp)
			all.Max = r.Max
		case r.Max <= all.Max:
			sum += float64(r.SumExp) * math.Exp(float64(r.Max-all.Max))
		default: // not a number
			return Summary{Max: r.Max}
		}
	}
	all.LogSumExp = all.Max + float32(math.Log(sum))
	return all
}
