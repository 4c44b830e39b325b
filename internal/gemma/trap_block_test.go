package gemma_test

import (
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestTrapNormsSwapped: which norm stands where, by the taps that its weights
// change.
func TestTrapNormsSwapped(t *testing.T) {
	for name, roles := range map[string]map[string][]string{
		"pg1-a": {"attn_norm": {"attn_out", "ffn_out", "out"}, "ffn_norm": {"ffn_out", "out"}},
		"pg2-b": {
			"attn_norm": {"attn_out", "ffn_out", "out"}, "post_attention_norm": {"ffn_out", "out"},
			"ffn_norm": {"ffn_out", "out"}, "post_ffw_norm": {"out"},
		},
	} {
		q := testmodel.ReadQuestion(t, name)
		plain, _ := ask(t, testmodel.OracleParts(t, name), q, setup{})
		for norm, want := range roles {
			p := testmodel.OracleParts(t, name)
			p.Change(t, "blk.0."+norm+".weight", func(_, c int, v float32) float32 { return v * float32(1+c%3) })
			changed, _ := ask(t, p, q, setup{})
			var got []string
			for _, tap := range []string{"attn_out", "ffn_out", "out"} {
				if testmodel.Distance(testmodel.Find(t, changed, "blk.0."+tap).Values, testmodel.Find(t, plain, "blk.0."+tap).Values) > 1e-4 {
					got = append(got, tap)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s changes %v, want %v", name, norm, got, want)
			}
		}
	}
}

// TestTrapNormAfterSum: Gemma 2 norms a branch before it is added to the
// stream, not the sum: the norm's weights do not scale the stream.
func TestTrapNormAfterSum(t *testing.T) {
	p, q := testmodel.OracleParts(t, "pg2-b"), testmodel.ReadQuestion(t, "pg2-b")
	once, _ := ask(t, p, q, setup{})
	p.Scale(t, "blk.0.post_ffw_norm.weight", 2)
	twice, _ := ask(t, p, q, setup{})
	a, b := testmodel.Find(t, once, "blk.0.out").Values, testmodel.Find(t, twice, "blk.0.out").Values
	stream := make([]float32, len(a))
	for i := range stream {
		stream[i] = 2*a[i] - b[i]
	}
	if share := math.Sqrt(testmodel.Power(stream) / testmodel.Power(a)); share < 0.1 {
		t.Errorf("the stream is %.1e of a block's result", share)
	}
}

// TestTrapOnePlusTwice: GGUF files hold 1+w already.
func TestTrapOnePlusTwice(t *testing.T) {
	p, q := testmodel.OracleParts(t, "pg1-a"), testmodel.ReadQuestion(t, "pg1-a")
	w := p.Weights(t, "output_norm.weight")
	for _, ours := range []bool{true, false} {
		taps, _ := ask(t, p, q, setup{ggml: !ours})
		x := testmodel.Find(t, taps, "blk.1.out").Values
		x = x[len(x)-len(w):]
		want := make([]float32, len(w))
		for i := range want {
			want[i] = x[i] / float32(math.Sqrt(testmodel.Power(x)/float64(len(x))+1e-6)) * w[i]
		}
		if d := testmodel.Distance(testmodel.Find(t, taps, "output_norm").Values, want); !(d < 1e-4) {
			t.Errorf("our kernels %t: the final norm is %.1e from x/rms(x) times the file's weights", ours, d)
		}
	}
}

// TestTrapNoFinalSoftcap: PaliGemma 2 caps its logits at 30, as the file says.
func TestTrapNoFinalSoftcap(t *testing.T) {
	for name, limit := range map[string]float64{"pg1-a": 0, "pg2-b": 30} {
		taps, logits := ask(t, testmodel.OracleParts(t, name), testmodel.ReadQuestion(t, name), setup{})
		want := slices.Clone(testmodel.Find(t, taps, "logits").Values)
		for i, v := range want {
			if limit > 0 {
				want[i] = float32(limit * math.Tanh(float64(v)/limit))
			}
		}
		if d := testmodel.Distance(logits, want); !(d < 1e-5) {
			t.Errorf("%s: logits are %.1e from those capped at %v", name, d, limit)
		}
	}
}

// TestTrapHeadScaled: the head is the embedding, not scaled.
func TestTrapHeadScaled(t *testing.T) {
	p := testmodel.OracleParts(t, "pg2-b")
	e := p.Weights(t, "token_embd.weight")
	taps, _ := ask(t, p, testmodel.ReadQuestion(t, "pg2-b"), setup{})
	x := testmodel.Find(t, taps, "output_norm").Values
	var want []float32
	for row := range slices.Chunk(e, len(x)) {
		want = append(want, float32(testmodel.Dot(row, x)))
	}
	if d := testmodel.Distance(testmodel.Find(t, taps, "logits").Values, want); !(d < 1e-5) {
		t.Errorf("logits are %.1e from the embedding's products", d)
	}
}

// onWeights computes the graph that build makes of weights [1, 1] of 1 and -1,
// and which set gives its inputs.
func onWeights(t *testing.T, build func(g *nn.Graph, one, minus nn.Tensor) (out nn.Tensor, set func())) []float32 {
	t.Helper()
	lib, err := bindings.Open(testmodel.Engine(t))
	must(t, err)
	dev, err := lib.CPU()
	must(t, err)
	file := make([]byte, 64) // 1 and -1 in float32, at offsets of 32
	copy(file, []byte{0, 0, 0x80, 0x3f})
	copy(file[32:], []byte{0, 0, 0x80, 0xbf})
	store, err := nn.MapStore(dev, "weights", file, []nn.Spec{
		{Name: "one", Shape: []int{1, 1}}, {Name: "minus", Shape: []int{1, 1}, Offset: 32}}, false)
	must(t, err)
	defer store.Close()
	b, err := nn.NewBackend(dev, 1)
	must(t, err)
	defer b.Close()
	g, err := nn.NewGraph(b, 64, nil)
	must(t, err)
	defer g.Close()
	w := nn.NewWeights(store)
	out, set := build(g, w.Get("one", 1, 1), w.Get("minus", 1, 1))
	must(t, g.Compile(out))
	set()
	must(t, g.Compute(t.Context()))
	y := make([]float32, out.Len())
	must(t, nn.Get(g, out, y))
	return y
}

// mlp runs an MLP of width 1 on columns.
func mlp(t *testing.T, columns []float32, make func(one, minus nn.Tensor) gemma.MLP) []float32 {
	t.Helper()
	return onWeights(t, func(g *nn.Graph, one, minus nn.Tensor) (nn.Tensor, func()) {
		x := g.Input("x", gguf.F32, 1, len(columns))
		return make(one, minus).Forward(g, x), func() { must(t, nn.Set(g, x, columns)) }
	})
}

// TestTrapSiLU: the gate is GELU by tanh: at these points it is neither SiLU
// nor GELU by erf.
func TestTrapSiLU(t *testing.T) {
	at := []float32{1, -1, 0.5, 3}
	gelu := []float32{0.841191991, -0.158808009, 0.345714010, 2.996362608}
	got := mlp(t, at, func(one, _ nn.Tensor) gemma.MLP {
		return gemma.MLP{Gate: nn.Linear{W: one}, Up: nn.Linear{W: one}, Down: nn.Linear{W: one}}
	})
	for i, x := range at {
		if want := gelu[i] * x; math.Abs(float64(got[i]-want)) > 6e-6 {
			t.Errorf("the decoder's GeGLU at %v is %v, want %v", x, got[i], want)
		}
	}
}

// TestTrapGateSwapped: the gate goes through GELU, not the other factor.
func TestTrapGateSwapped(t *testing.T) {
	got := mlp(t, []float32{30}, func(one, minus nn.Tensor) gemma.MLP {
		return gemma.MLP{Gate: nn.Linear{W: minus}, Up: nn.Linear{W: one}, Down: nn.Linear{W: one}}
	})
	if math.Abs(float64(got[0])) > 1e-6 {
		t.Errorf("a gate at -30 lets %v through", got[0])
	}
}
