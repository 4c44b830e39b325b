package siglip_test

import (
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/golden"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/siglip"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// encode runs the tower of the parts on pixels [w, h, 3] and returns what is
// traced.
func encode(t *testing.T, p *testmodel.Parts, ours bool, pixels []float32) []testmodel.Tap {
	t.Helper()
	b, e := p.Encoder(t, ours)
	rec := &testmodel.Recorder{}
	g, err := nn.NewGraph(b, e.Nodes(), rec.Trace)
	must(t, err)
	defer g.Close()
	in := g.Input("pixels", gguf.F32, e.ImageSize, e.ImageSize, 3)
	out := e.Forward(g, in)
	must(t, g.Compile(out))
	must(t, nn.Set(g, in, pixels))
	must(t, g.Compute(t.Context()))
	return rec.Take()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReference compares every activation with those of Hugging Face's
// implementation.
func TestReference(t *testing.T) {
	testmodel.EachKernel(t, func(t *testing.T, ours bool) {
		for _, name := range []string{"pg1-a", "pg1-b", "pg1-c", "pg2-a", "pg2-b", "pg2-c"} {
			p, set := testmodel.OracleParts(t, name), testmodel.Golden(t, name, "golden.safetensors")
			c := golden.NewComparer(t, set, 1e-4)
			for _, prefix := range []string{"", "image1."} { // of the second picture
				if !slices.Contains(set.Names(), prefix+"pixels") {
					continue
				}
				_, pixels := set.Get(prefix + "pixels")
				for _, tap := range encode(t, p, ours, pixels) {
					c.Check(prefix+tap.Name, tap.Shape, tap.Values)
				}
			}
			c.Done("prefix", "blk.*", "output_norm", "logits", "step_logits.*", "tokens") // of the decoder
		}
	})
}

// TestTrapTowerCausal: the first patch attends to the last.
func TestTrapTowerCausal(t *testing.T) {
	p := testmodel.OracleParts(t, "pg1-a")
	var first [2][]float32 // patch after the first attention
	for i := range first {
		pixels := slices.Repeat([]float32{-0.3}, 56*56*3)
		for at := range pixels {
			if x, y := at%56, at/56%56; x >= 42 && y >= 42 && i == 1 {
				pixels[at] = 1
			}
		}
		x := testmodel.Find(t, encode(t, p, true, pixels), "v.blk.0.attn_out")
		first[i] = x.Values[:x.Shape[0]]
	}
	if testmodel.Distance(first[0], first[1]) < 1e-3 {
		t.Error("the last patch changes nothing in the first")
	}
}

// TestTrapTowerQuickGELU: the tower's GELU is the one by tanh: at these points
// it is neither the sigmoid approximation nor the one by erf.
func TestTrapTowerQuickGELU(t *testing.T) {
	at := []float32{1, -1, 0.5, 3}
	want := []float32{0.841191991, -0.158808009, 0.345714010, 2.996362608}
	lib, err := bindings.Open(testmodel.Engine(t))
	must(t, err)
	dev, err := lib.CPU()
	must(t, err)
	store, err := nn.MapStore(dev, "weights", []byte{0, 0, 0x80, 0x3f}, []nn.Spec{{Name: "one", Shape: []int{1, 1}}}, false)
	must(t, err)
	defer store.Close()
	b, err := nn.NewBackend(dev, 1)
	must(t, err)
	defer b.Close()
	g, err := nn.NewGraph(b, 64, nil)
	must(t, err)
	defer g.Close()
	one := nn.Linear{W: nn.NewWeights(store).Get("one", 1, 1)}
	x := g.Input("x", gguf.F32, 1, len(at))
	out := siglip.MLP{Up: one, Down: one}.Forward(g, x)
	must(t, g.Compile(out))
	must(t, nn.Set(g, x, at))
	must(t, g.Compute(t.Context()))
	got := make([]float32, len(at))
	must(t, nn.Get(g, out, got))
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 2e-6 {
			t.Errorf("GELU at %v is %v, want %v", at[i], got[i], want[i])
		}
	}
}
