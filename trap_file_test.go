package paligemma

import (
	"testing"

	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestTrapRowsWithoutPieces: a row of the embedding that is no piece cannot be chosen: a
// file with such rows is refused.
func TestTrapRowsWithoutPieces(t *testing.T) {
	p := testmodel.OracleParts(t, "pg1-a")
	for _, x := range p.Tensors {
		if x.Name == "token_embd.weight" && x.Shape[1] != len(p.Values["tokenizer.ggml.tokens"].([]string)) {
			t.Errorf("the file has %d rows for %d pieces", x.Shape[1], len(p.Values["tokenizer.ggml.tokens"].([]string)))
		}
	}
	i := p.Index(t, "token_embd.weight")
	d := p.Tensors[i].Shape[0]
	p.Tensors[i].Shape = []int{d, p.Tensors[i].Shape[1] + 15}
	p.Data["token_embd.weight"] = append(p.Data["token_embd.weight"], make([]byte, 15*d*4)...)
	p.Values["paligemma.vocab_size"] = p.Values["paligemma.vocab_size"].(uint32) + 15
	m, err := New(p.File(t), &Options{Engine: anyEngine(t), Threads: 1})
	if err == nil {
		m.Close()
		t.Error("a file with more rows than pieces is opened")
	}
}

// TestTrapUnpadded: the tower's MLP is stored in rows that every type divides.
func TestTrapUnpadded(t *testing.T) {
	p := testmodel.OracleParts(t, "pg1-a")
	if m, padded := p.Values["paligemma.vision.feed_forward_length"].(uint32), p.Values["paligemma.vision.feed_forward_length_padded"].(uint32); m%256 == 0 || padded%256 != 0 || padded < m {
		t.Errorf("an MLP of %d is stored as one of %d, want a multiple of 256", m, padded)
	}
}
