package gemma_test

import (
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestTrapPrefixCausal: a prefix is not causal, the first soft token attends to
// the prompt.
func TestTrapPrefixCausal(t *testing.T) {
	p, q := testmodel.OracleParts(t, "pg1-a"), testmodel.ReadQuestion(t, "pg1-a")
	taps, _ := ask(t, p, q, setup{})
	first := testmodel.Find(t, taps, "blk.0.attn_out")
	d := first.Shape[0]
	for i, id := range q.IDs {
		if id != q.Image {
			q.IDs[i] = id/2 + 1 // another prompt
		}
	}
	taps, _ = ask(t, p, q, setup{})
	if other := testmodel.Find(t, taps, "blk.0.attn_out"); testmodel.Distance(other.Values[:d], first.Values[:d]) < 1e-3 {
		t.Error("the prompt changes nothing in the first soft token")
	}
}

// TestTrapBatchesCausal: how a prefix is cut changes nothing.
func TestTrapBatchesCausal(t *testing.T) {
	p, q := testmodel.OracleParts(t, "pg1-a"), testmodel.ReadQuestion(t, "pg1-a")
	_, sevens := ask(t, p, q, setup{batch: 7})
	if _, fives := ask(t, p, q, setup{batch: 5}); !(testmodel.Distance(fives, sevens) < 1e-5) {
		t.Errorf("logits of batches of 5 are %.1e from those of 7", testmodel.Distance(fives, sevens))
	}
}

// TestTrapSlidingWindow: there is no sliding window of 4096, not in the first
// layer of Gemma 2, the only one here.
func TestTrapSlidingWindow(t *testing.T) {
	p, q := testmodel.OracleParts(t, "pg2-b"), testmodel.ReadQuestion(t, "pg2-b")
	p.Values["paligemma.block_count"] = uint32(1)
	soft := len(q.IDs) - len(q.PromptIDs())
	q.IDs = append(q.IDs[:soft:soft], slices.Repeat([]int64{77}, 4200)...)
	for _, ggml := range []bool{false, true} { // caches are read in other ways
		_, with := ask(t, p, q, setup{ggml: ggml, batch: 512})
		dark := q
		dark.Soft = [][]float32{make([]float32, len(q.Soft[0]))}
		_, without := ask(t, p, dark, setup{ggml: ggml, batch: 512})
		if d := testmodel.Distance(with, without); d < 1e-5 {
			t.Errorf("the picture changes the logits after %d tokens by %.1e", len(q.IDs), d)
		}
	}
}

// TestTrapScaleByHeadDim: the file says how scores are scaled: 28B by
// (D/H)^-0.5, not by the root of the head dim.
func TestTrapScaleByHeadDim(t *testing.T) {
	p, q := testmodel.OracleParts(t, "pg2-b"), testmodel.ReadQuestion(t, "pg2-b")
	if got := p.Values["paligemma.attention.scale"]; got != float32(0.25) {
		t.Errorf("attention.scale is %v, want 0.25", got)
	}
	p.Values["paligemma.attn_logit_softcapping"] = float32(0)
	want, _ := ask(t, p, q, setup{})
	p.Scale(t, "blk.0.attn_q.weight", 2)
	p.Values["paligemma.attention.scale"] = float32(0.125)
	got, _ := ask(t, p, q, setup{})
	if d := testmodel.Distance(testmodel.Find(t, got, "blk.0.attn_out").Values, testmodel.Find(t, want, "blk.0.attn_out").Values); !(d < 1e-5) {
		t.Errorf("twice the queries at half the scale give an attention %.1e off", d)
	}
}

// TestTrapOutputSquare: the output of attention maps heads times head dim, here
// 128, to the width, here 64, in Gemma 1 too.
func TestTrapOutputSquare(t *testing.T) {
	_, d := testmodel.OracleParts(t, "pg1-b").Decoder(t, false) // which asks for tensors by shape
	if d.Heads*d.HeadDim == d.Width {
		t.Errorf("%d heads of %d make up a width of %d: take another checkpoint", d.Heads, d.HeadDim, d.Width)
	}
}

// TestTrapHeadsInterleaved: consecutive query heads share a key head. Of four
// heads of 32 the first two do not look at the second key head, nor at the
// queries of the last two.
func TestTrapHeadsInterleaved(t *testing.T) {
	q := testmodel.ReadQuestion(t, "pg2-a")
	attention := func(change func(p *testmodel.Parts)) []float32 {
		p := testmodel.OracleParts(t, "pg2-a")
		p.Change(t, "blk.0.attn_output.weight", func(_, c int, v float32) float32 { return v * float32(1-c/64) })
		change(p)
		taps, _ := ask(t, p, q, setup{})
		return testmodel.Find(t, taps, "blk.0.attn_out").Values
	}
	want := attention(func(*testmodel.Parts) {})
	for name, from := range map[string]int{"attn_q": 64, "attn_k": 32, "attn_v": 32} {
		got := attention(func(p *testmodel.Parts) {
			p.Change(t, "blk.0."+name+".weight", func(r, _ int, v float32) float32 {
				if r >= from {
					return -2 * v
				}
				return v
			})
		})
		if d := testmodel.Distance(got, want); d != 0 {
			t.Errorf("the first two heads depend on rows from %d on of %s: %.1e", from, name, d)
		}
	}
}

// TestTrapNoAttentionSoftcap: scores far above 50 are capped.
func TestTrapNoAttentionSoftcap(t *testing.T) {
	p, q := testmodel.OracleParts(t, "pg2-a"), testmodel.ReadQuestion(t, "pg2-a")
	capped, _ := ask(t, p, q, setup{})
	p.Values["paligemma.attn_logit_softcapping"] = float32(0)
	free, _ := ask(t, p, q, setup{})
	if d := testmodel.Distance(testmodel.Find(t, free, "blk.0.attn_out").Values, testmodel.Find(t, capped, "blk.0.attn_out").Values); d < 1e-2 {
		t.Errorf("the cap changes the attention by %.1e", d)
	}
}

// TestTrapScoresInHalves: scores beyond 65504, the largest half, do not
// overflow, though the keys are halves.
func TestTrapScoresInHalves(t *testing.T) {
	p, q := testmodel.OracleParts(t, "pg1-a"), testmodel.ReadQuestion(t, "pg1-a")
	for _, layer := range []string{"blk.0.", "blk.1."} {
		p.Scale(t, layer+"attn_q.weight", 1<<9)
		p.Scale(t, layer+"attn_k.weight", 1<<9)
	}
	for _, ours := range []bool{true, false} {
		_, logits := ask(t, p, q, setup{ggml: !ours, half: true})
		for i, v := range logits {
			if v-v != 0 {
				t.Fatalf("our kernels %t: logit %d is %v", ours, i, v)
			}
		}
	}
}

// TestTrapRoPEInterleaved: halves are rotated against each other, at
// 10000^(-2i/256).
func TestTrapRoPEInterleaved(t *testing.T) {
	want := map[int][2]float64{0: {-0.24956931, 0.96835694}, 1: {-0.21567839, 0.97646445}, 64: {-0.91243836, 0.40921417}, 127: {0.99957285, 0.02922517}}
	in := make([]float32, 256)
	for i := range want {
		in[i] = 1
	}
	y := onWeights(t, func(g *nn.Graph, _, _ nn.Tensor) (nn.Tensor, func()) {
		x, pos := g.Input("x", gguf.F32, 256, 1, 1), g.Input("pos", gguf.I32, 1)
		return g.RoPE(x, pos, 10000), func() {
			must(t, nn.Set(g, x, in))
			must(t, nn.Set(g, pos, []int32{272}))
		}
	})
	for i, w := range want {
		if math.Abs(float64(y[i])-w[0]) > 3e-5 || math.Abs(float64(y[i+128])-w[1]) > 3e-5 {
			t.Errorf("pair %d at position 272 is (%v, %v), want %v", i, y[i], y[i+128], w)
		}
	}
}
