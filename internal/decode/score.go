package decode

import (
	"context"
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/sample"
)

// A guess is a token whose log-probability after a hidden state is asked for.
type guess struct {
	id     int32
	result *float32
}

// score returns the log-probabilities of the tokens of branches, each of which
// continues a sequence. They are computed as one step, after which the sequence is
// as before.
func (d *Decoder) score(ctx context.Context, s *Sequence, branches [][]int32) ([][]float32, error) {
	var rows []Row
	for i, b := range branches {
		for _, id := range b[:max(0, len(b)-1)] { // nothing follows the last token
			rows = append(rows, Row{Sequence: s, ID: id, branch: i})
		}
	}
	var computed []float32 // hidden states of the rows
	if len(rows) > 0 {
		spans, err := d.spansOf(rows)
		if err != nil {
			return nil, err
		}
		if computed, err = d.compute(ctx, rows, spans); err != nil {
			return nil, err
		}
	}
	hidden, guesses := [][]float32{s.hidden}, make([][]guess, 1+len(rows))
	for state := range slices.Chunk(computed, d.gemma.Width) {
		hidden = append(hidden, state)
	}
	results, row := make([][]float32, len(branches)), 0
	for i, b := range branches {
		results[i] = make([]float32, len(b))
		for k, id := range b {
			after := 0 // the sequence's last token
			if k > 0 {
				row++
				after = row
			}
			guesses[after] = append(guesses[after], guess{id, &results[i][k]})
		}
	}
	for first := 0; first < len(hidden); first += mostColumns {
		last := min(first+mostColumns, len(hidden))
		if err := d.guess(ctx, hidden[first:last], guesses[first:last]); err != nil {
			return nil, err
		}
	}
	for i, list := range results {
		if k := nn.FirstNotFinite(list); k >= 0 {
			return nil, fmt.Errorf("log-probability of token %d: %w", branches[i][k], nn.ErrNotFinite)
		}
	}
	return results, nil
}

// predict calls each with the logits of all tokens after hidden states.
func (d *Decoder) predict(ctx context.Context, hidden [][]float32, each func(i int, logits []float32)) error {
	for first := 0; first < len(hidden); first += mostColumns {
		some := hidden[first:min(first+mostColumns, len(hidden))]
		h, err := d.logits(ctx, d.allRows(), some)
		if err != nil {
			return err
		}
		if i := nn.FirstNotFinite(h.values); i >= 0 {
			return fmt.Errorf("logit of token %d: %w", i%d.gemma.Vocab, nn.ErrNotFinite)
		}
		for i := range some {
			each(first+i, h.logits(i))
		}
	}
	return nil
}

// allRows returns the rows of all tokens.
func (d *Decoder) allRows() []gemma.Rows { return []gemma.Rows{{First: 0, Len: d.gemma.Vocab}} }

// guess computes the log-probabilities of guesses after hidden states.
func (d *Decoder) guess(ctx context.Context, hidden [][]float32, guesses [][]guess) error {
	if !d.canSummarize() {
		h, err := d.logits(ctx, d.allRows(), hidden)
		if err != nil {
			return err
		}
		for i, list := range guesses {
			logits := h.logits(i)
			sum := sample.LogSumExp(logits)
			for _, g := range list {
				*g.result = logits[g.id] - sum
			}
		}
		return nil
	}
	stats, err := d.runStats(ctx, hidden)
	if err != nil {
		return err
	}
	sums, most := make([]summary, len(hidden)), 1
	for i := range hidden {
		sums[i], most = summarize(stats.runsOf(i)), max(most, len(guesses[i]))
	}
	picks := make([][]int32, len(hidden))
	for i, list := range guesses {
		picks[i] = make([]int32, most) // run 0 where there are fewer guesses
		for k, g := range list {
			picks[i][k] = g.id / nn.RunRows
		}
	}
	h, err := d.runLogits(ctx, picks, hidden)
	if err != nil {
		return err
	}
	for i, list := range guesses {
		logits := h.logits(i) // [64, most]
		for k, g := range list {
			*g.result = logits[k*nn.RunRows+int(g.id%nn.RunRows)] - sums[i].LogSumExp
		}
	}
	return nil
}
