package paligemma

import (
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/siglip"
)

// run prefills a question on a model of parts and returns what is traced.
func (p *parts) run(t *testing.T, name string, o Options) (taps []tap, logits []float32) {
	t.Helper()
	rec, q := &recorder{}, readQuestion(t, name)
	o.Trace = rec.trace
	m := p.model(t, o)
	images := encodeAll(t, m, q.pictures)
	rec.take()
	logits = logitsAfter(t, newSession(t, m), images, q.prompt)
	return rec.take(), logits
}

// TestTrapNormRoles: which norm stands where, by what its weights change.
func TestTrapNormRoles(t *testing.T) {
	for name, roles := range map[string]map[string][]string{
		"pg1-a": {"attn_norm": {"attn_out", "ffn_out", "out"}, "ffn_norm": {"ffn_out", "out"}},
		"pg2-b": {
			"attn_norm": {"attn_out", "ffn_out", "out"}, "post_attention_norm": {"ffn_out", "out"},
			"ffn_norm": {"ffn_out", "out"}, "post_ffw_norm": {"out"},
		},
	} {
		plain, _ := oracleParts(t, name).run(t, name, Options{})
		for norm, want := range roles {
			p := oracleParts(t, name)
			p.change(t, "blk.0."+norm+".weight", func(_, c int, v float32) float32 { return v * float32(1+c%3) })
			changed, _ := p.run(t, name, Options{})
			var got []string
			for _, tap := range []string{"attn_out", "ffn_out", "out"} {
				if distance(findTap(t, changed, "blk.0."+tap).values, findTap(t, plain, "blk.0."+tap).values) > 1e-4 {
					got = append(got, tap)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s changes %v, want %v", name, norm, got, want)
			}
		}
	}
}

// TestTrapPostNorm: Gemma 2 norms a branch before it is added to the stream,
// not the sum: what its weights do not scale is the stream.
func TestTrapPostNorm(t *testing.T) {
	p := oracleParts(t, "pg2-b")
	once, _ := p.run(t, "pg2-b", Options{})
	p.scale(t, "blk.0.post_ffw_norm.weight", 2)
	twice, _ := p.run(t, "pg2-b", Options{})
	a, b := findTap(t, once, "blk.0.out").values, findTap(t, twice, "blk.0.out").values
	stream := make([]float32, len(a))
	for i := range stream {
		stream[i] = 2*a[i] - b[i]
	}
	if share := math.Sqrt(power(stream) / power(a)); share < 0.1 {
		t.Errorf("the stream is %.1e of a block's result", share)
	}
}

// TestTrapOnePlus: GGUF files hold 1+w already.
func TestTrapOnePlus(t *testing.T) {
	p := oracleParts(t, "pg1-a")
	w := p.weights(t, "output_norm.weight")
	taps, _ := p.run(t, "pg1-a", Options{})
	x := findTap(t, taps, "blk.1.out").values
	x = x[len(x)-len(w):]
	want := make([]float32, len(w))
	for i := range want {
		want[i] = x[i] / float32(math.Sqrt(power(x)/float64(len(x))+1e-6)) * w[i]
	}
	if d := distance(findTap(t, taps, "output_norm").values, want); !(d < 1e-5) {
		t.Errorf("the last norm is %.1e from x/rms(x)*W", d)
	}
}

// TestTrapFinalSoftcap: PaliGemma 2 caps its logits at 30, as the file says.
func TestTrapFinalSoftcap(t *testing.T) {
	for name, limit := range map[string]float64{"pg1-a": 0, "pg2-b": 30} {
		taps, logits := oracleParts(t, name).run(t, name, Options{})
		want := slices.Clone(findTap(t, taps, "logits").values)
		for i, v := range want {
			if limit > 0 {
				want[i] = float32(limit * math.Tanh(float64(v)/limit))
			}
		}
		if d := distance(logits, want); !(d < 1e-5) {
			t.Errorf("%s: logits are %.1e from those capped at %v", name, d, limit)
		}
	}
}

// TestTrapHead: the head is the embedding, not scaled.
func TestTrapHead(t *testing.T) {
	p := oracleParts(t, "pg2-b")
	e := p.weights(t, "token_embd.weight")
	taps, _ := p.run(t, "pg2-b", Options{})
	x := findTap(t, taps, "output_norm").values
	var want []float32
	for row := range slices.Chunk(e, len(x)) {
		want = append(want, float32(dot(row, x)))
	}
	if d := distance(findTap(t, taps, "logits").values, want); !(d < 1e-5) {
		t.Errorf("logits are %.1e from the embedding's products", d)
	}
}

// TestTrapRows: a row of the embedding that is no piece cannot be chosen: a
// file with such rows is refused.
func TestTrapRows(t *testing.T) {
	p := oracleParts(t, "pg1-a")
	for _, x := range p.tensors {
		if x.Name == "token_embd.weight" && x.Shape[1] != len(p.values["tokenizer.ggml.tokens"].([]string)) {
			t.Errorf("the file has %d rows for %d pieces", x.Shape[1], len(p.values["tokenizer.ggml.tokens"].([]string)))
		}
	}
	i := p.index(t, "token_embd.weight")
	d := p.tensors[i].Shape[0]
	p.tensors[i].Shape = []int{d, p.tensors[i].Shape[1] + 15}
	p.data["token_embd.weight"] = append(p.data["token_embd.weight"], make([]byte, 15*d*4)...)
	p.values["paligemma.vocab_size"] = p.values["paligemma.vocab_size"].(uint32) + 15
	m, err := New(p.file(t), &Options{Engine: anyEngine(t), Threads: 1})
	if err == nil {
		m.Close()
		t.Error("a file with more rows than pieces is opened")
	}
}

// TestTrapPadding: the tower's MLP is stored in rows that every type divides.
func TestTrapPadding(t *testing.T) {
	p := oracleParts(t, "pg1-a")
	if m, padded := p.values["paligemma.vision.feed_forward_length"].(uint32), p.values["paligemma.vision.feed_forward_length_padded"].(uint32); m%256 == 0 || padded%256 != 0 || padded < m {
		t.Errorf("an MLP of %d is stored as one of %d, want a multiple of 256", m, padded)
	}
}

// layer runs f on x [1, n] with weights [1, 1] of 1 and -1.
func layer(t *testing.T, x []float32, f func(g *nn.Graph, one, minus, x nn.Tensor) nn.Tensor) []float32 {
	t.Helper()
	lib, err := bindings.Open(anyEngine(t).Library)
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
	in := g.Input("x", gguf.F32, 1, len(x))
	out := f(g, w.Get("one", 1, 1), w.Get("minus", 1, 1), in)
	must(t, g.Compile(out))
	must(t, nn.Set(g, in, x))
	must(t, g.Compute(t.Context()))
	y := make([]float32, len(x))
	must(t, nn.Get(g, out, y))
	return y
}

// Both towers use GELU by tanh: at these points it is not that by erf.
var (
	geluAt = []float32{1, -1, 0.5, 3}
	gelu   = []float32{0.841191991, -0.158808009, 0.345714010, 2.996362608}
)

func TestTrapTowerGELU(t *testing.T) {
	got := layer(t, geluAt, func(g *nn.Graph, one, _, x nn.Tensor) nn.Tensor {
		return siglip.MLP{Up: nn.Linear{W: one}, Down: nn.Linear{W: one}}.Forward(g, x)
	})
	if farthest(got, gelu) > 2e-6 {
		t.Errorf("the tower's GELU at %v is %v, want %v", geluAt, got, gelu)
	}
}

func TestTrapDecoderGELU(t *testing.T) {
	got := layer(t, geluAt, func(g *nn.Graph, one, _, x nn.Tensor) nn.Tensor {
		return gemma.MLP{Gate: nn.Linear{W: one}, Up: nn.Linear{W: one}, Down: nn.Linear{W: one}}.Forward(g, x)
	})
	for i, x := range geluAt {
		if want := gelu[i] * x; math.Abs(float64(got[i]-want)) > 6e-6 {
			t.Errorf("the decoder's GeGLU at %v is %v, want %v", x, got[i], want)
		}
	}
}

// TestTrapGate: the gate goes through GELU, not the other factor.
func TestTrapGate(t *testing.T) {
	got := layer(t, []float32{30}, func(g *nn.Graph, one, minus, x nn.Tensor) nn.Tensor {
		return gemma.MLP{Gate: nn.Linear{W: minus}, Up: nn.Linear{W: one}, Down: nn.Linear{W: one}}.Forward(g, x)
	})
	if math.Abs(float64(got[0])) > 1e-6 {
		t.Errorf("a gate at -30 lets %v through", got[0])
	}
}
