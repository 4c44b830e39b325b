package paligemma

import (
	"image"
	"image/color"
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/nn"
)

// TestTrapPrefixSeesAll: a prefix is not causal, the first soft token attends
// to the prompt.
func TestTrapPrefixSeesAll(t *testing.T) {
	rec := &recorder{}
	m, q := openOracle(t, "pg1-a", Options{Trace: rec.trace}), readQuestion(t, "pg1-a")
	images, s := encodeAll(t, m, q.pictures), newSession(t, m)
	var first [2][]float32
	for i, p := range []Prompt{"detect cat", "detect dog"} {
		rec.take()
		must(t, s.Prefill(t.Context(), images, p))
		first[i] = findTap(t, rec.take(), "blk.0.attn_out").values[:m.cfg.Width]
	}
	if distance(first[0], first[1]) < 1e-3 {
		t.Error("the prompt changes nothing in the first soft token")
	}
}

// TestTrapBatches: how a prefix is cut changes nothing.
func TestTrapBatches(t *testing.T) {
	p := oracleParts(t, "pg1-a")
	_, sevens := p.run(t, "pg1-a", Options{Batch: 7})
	if _, fives := p.run(t, "pg1-a", Options{Batch: 5}); !(distance(fives, sevens) < 1e-5) {
		t.Errorf("logits of batches of 5 are %.1e from those of 7", distance(fives, sevens))
	}
}

// TestTrapWindow: there is no sliding window of 4096, not in the first layer of
// Gemma 2, the only one here.
func TestTrapWindow(t *testing.T) {
	p := oracleParts(t, "pg2-b")
	p.values["paligemma.block_count"] = uint32(1)
	m := p.model(t, Options{Context: 5000})
	q, s := readQuestion(t, "pg2-b"), newSession(t, m)
	white := paint(9, 9, func(int, int) color.Color { return color.White })
	var logits [2][]float32
	for i, images := range [][]*Image{encodeAll(t, m, q.pictures), encodeAll(t, m, []image.Image{white})} {
		logits[i] = logitsAfter(t, s, images, Prompt(slices.Repeat([]byte("?"), 4200)))
	}
	if d := distance(logits[0], logits[1]); s.length < 4096+100 || d < 1e-5 {
		t.Errorf("the picture changes the logits after %d tokens by %.1e", s.length, d)
	}
}

// after compares what the last of n+1 tokens attends to, when it comes with the
// others and when it is generated after them.
func after(t *testing.T, p *parts, name string) (together, apart *Session, taps [2]tap) {
	t.Helper()
	rec, q := &recorder{}, readQuestion(t, name)
	m := p.model(t, Options{Trace: rec.trace})
	list := m.PromptIDs(q.prompt)
	n := len(list) - 1
	for i, s := range []*Session{newSession(t, m), newSession(t, m)} {
		_, err := s.prefill(t.Context(), nil, list[:n+1-i])
		must(t, err)
		if i == 1 {
			rec.take()
			s.hidden, s.length = make([]float32, m.cfg.Width), n
			must(t, s.extend(t.Context(), list[n]))
			apart = s
		} else {
			together = s
		}
		x := findTap(t, rec.take(), "blk.0.attn_out")
		x.values = x.values[len(x.values)-m.cfg.Width:]
		taps[i] = x
	}
	return together, apart, taps
}

// TestTrapDecodePosition: generated tokens go on counting where the prefix
// ends. The first layer's keys depend on token and position alone.
func TestTrapDecodePosition(t *testing.T) {
	together, apart, _ := after(t, oracleParts(t, "pg1-a"), "pg1-a")
	a, b := keysOf(t, together), keysOf(t, apart)
	if d := distance(b[:apart.length*16], a[:apart.length*16]); !(d < 1e-5) {
		t.Errorf("keys of a generated token are %.1e from those of a prefix", d)
	}
}

// keysOf reads the first layer's keys [e*hk, m].
func keysOf(t *testing.T, s *Session) []float32 {
	t.Helper()
	g, err := nn.NewGraph(s.backend, 16, nil)
	must(t, err)
	defer g.Close()
	c := s.model.cfg.text
	keys := nn.NewWeights(s.cache.Store).Get("cache.0.k", c.KVHeads*c.HeadDim, s.cache.Len)
	out := g.Cont(keys)
	must(t, g.Compile(out))
	must(t, g.Compute(t.Context()))
	values := make([]float32, out.Len())
	must(t, nn.Get(g, out, values))
	return values
}

// TestTrapDecodeMask: a generated token sees all before it and itself, and no
// place beyond. Without queries all keys count the same, whatever their
// position.
func TestTrapDecodeMask(t *testing.T) {
	p := oracleParts(t, "pg1-a")
	p.scale(t, "blk.0.attn_q.weight", 0)
	_, _, taps := after(t, p, "pg1-a")
	if d := distance(taps[1].values, taps[0].values); !(d < 1e-5) {
		t.Errorf("the mean value that a generated token sees is %.1e from that of a prefix", d)
	}
}

// TestTrapQueryScale: the file says how scores are scaled: 28B by
// (D/H)^-0.5, not by the head dim's root.
func TestTrapQueryScale(t *testing.T) {
	p := oracleParts(t, "pg2-b")
	if got := p.values["paligemma.attention.scale"]; got != float32(0.25) {
		t.Errorf("attention.scale is %v, want 0.25", got)
	}
	p.values["paligemma.attn_logit_softcapping"] = float32(0)
	want, _ := p.run(t, "pg2-b", Options{})
	p.scale(t, "blk.0.attn_q.weight", 2)
	p.values["paligemma.attention.scale"] = float32(0.125)
	got, _ := p.run(t, "pg2-b", Options{})
	if d := distance(findTap(t, got, "blk.0.attn_out").values, findTap(t, want, "blk.0.attn_out").values); !(d < 1e-5) {
		t.Errorf("twice the queries at half the scale give an attention %.1e off", d)
	}
}

// TestTrapOutputNotSquare: the attention's output maps heads times head dim,
// here 128, to the width, here 64, in Gemma 1 too.
func TestTrapOutputNotSquare(t *testing.T) {
	m, err := New(oracleParts(t, "pg1-b").file(t), &Options{Engine: anyEngine(t), Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if c := m.cfg.text; c.Heads*c.HeadDim == c.Width {
		t.Errorf("%d heads of %d make up a width of %d: take another checkpoint", c.Heads, c.HeadDim, c.Width)
	}
}

// TestTrapSharedHeads: consecutive query heads share a key head. Of four heads
// of 32 the first two do not look at the second key head, nor at the queries of
// the last two.
func TestTrapSharedHeads(t *testing.T) {
	attention := func(change func(p *parts)) []float32 {
		p := oracleParts(t, "pg2-a")
		p.change(t, "blk.0.attn_output.weight", func(_, c int, v float32) float32 { return v * float32(1-c/64) })
		change(p)
		taps, _ := p.run(t, "pg2-a", Options{})
		return findTap(t, taps, "blk.0.attn_out").values
	}
	want := attention(func(*parts) {})
	for name, from := range map[string]int{"attn_q": 64, "attn_k": 32, "attn_v": 32} {
		got := attention(func(p *parts) {
			p.change(t, "blk.0."+name+".weight", func(r, _ int, v float32) float32 {
				if r >= from {
					return -2 * v
				}
				return v
			})
		})
		if d := distance(got, want); d != 0 {
			t.Errorf("the first two heads depend on rows from %d on of %s: %.1e", from, name, d)
		}
	}
}

// TestTrapAttentionSoftcap: scores far above 50 are capped.
func TestTrapAttentionSoftcap(t *testing.T) {
	p := oracleParts(t, "pg2-a")
	capped, _ := p.run(t, "pg2-a", Options{})
	p.values["paligemma.attn_logit_softcapping"] = float32(0)
	free, _ := p.run(t, "pg2-a", Options{})
	if d := distance(findTap(t, free, "blk.0.attn_out").values, findTap(t, capped, "blk.0.attn_out").values); d < 1e-2 {
		t.Errorf("the cap changes the attention by %.1e", d)
	}
}

// TestTrapHalfScores: scores beyond 65504, the largest half, do not overflow,
// though the keys are halves.
func TestTrapHalfScores(t *testing.T) {
	p, q := oracleParts(t, "pg1-a"), readQuestion(t, "pg1-a")
	for _, layer := range []string{"blk.0.", "blk.1."} {
		p.scale(t, layer+"attn_q.weight", 1<<9)
		p.scale(t, layer+"attn_k.weight", 1<<9)
	}
	for _, kernels := range []string{"auto", "off"} {
		m, err := New(p.file(t), &Options{Engine: anyEngine(t), Threads: 1, Kernels: kernels})
		must(t, err)
		t.Cleanup(func() { must(t, m.Close()) })
		for i, v := range logitsAfter(t, newSession(t, m), encodeAll(t, m, q.pictures), q.prompt) {
			if v-v != 0 {
				t.Fatalf("kernels %s: logit %d is %v", kernels, i, v)
			}
		}
	}
}

// TestTrapRoPE: halves are rotated against each other, at 10000^(-2i/256).
func TestTrapRoPE(t *testing.T) {
	lib, err := bindings.Open(anyEngine(t).Library)
	must(t, err)
	dev, err := lib.CPU()
	must(t, err)
	b, err := nn.NewBackend(dev, 1)
	must(t, err)
	defer b.Close()
	g, err := nn.NewGraph(b, 8, nil)
	must(t, err)
	defer g.Close()
	x, pos := g.Input("x", gguf.F32, 256, 1, 1), g.Input("pos", gguf.I32, 1)
	out := g.RoPE(x, pos, 10000)
	must(t, g.Compile(out))
	in, y := make([]float32, 256), make([]float32, 256)
	want := map[int][2]float64{0: {-0.24956931, 0.96835694}, 1: {-0.21567839, 0.97646445}, 64: {-0.91243836, 0.40921417}, 127: {0.99957285, 0.02922517}}
	for i := range want {
		in[i] = 1
	}
	must(t, nn.Set(g, x, in))
	must(t, nn.Set(g, pos, []int32{272}))
	must(t, g.Compute(t.Context()))
	must(t, nn.Get(g, out, y))
	for i, w := range want {
		if math.Abs(float64(y[i])-w[0]) > 3e-5 || math.Abs(float64(y[i+128])-w[1]) > 3e-5 {
			t.Errorf("pair %d at position 272 is (%v, %v), want %v", i, y[i], y[i+128], w)
		}
	}
}
