package paligemma

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/golden"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestPaste compares with what Pillow makes of the same values.
func TestPaste(t *testing.T) {
	set, err := golden.Load("testdata/locseg/masks.safetensors")
	must(t, err)
	_, values := set.Get("torch")
	const pixels = locseg.MaskSide * locseg.MaskSide
	var cases []struct {
		Mask, Width, Height int
		Alpha               []byte
	}
	must(t, json.Unmarshal(testmodel.Read(t, "testdata/locseg/paste.json"), &cases))
	for _, c := range cases {
		box := image.Rect(7, 5, 7+c.Width, 5+c.Height)
		got := paste(t.Context(), values[c.Mask*pixels:][:pixels], box, 1<<20)
		if got == nil || got.Rect != box || !bytes.Equal(got.Pix, c.Alpha) {
			t.Errorf("mask %d in %d x %d pixels differs from Pillow's", c.Mask, c.Width, c.Height)
		}
	}
	if len(cases) < 8 {
		t.Errorf("%d cases", len(cases))
	}
	if paste(t.Context(), values[:pixels], image.Rect(0, 0, 1000, 1001), 1000*1000) != nil {
		t.Error("a mask of more than the limit of pixels")
	}
}

// maskParts is a tiny model in float32 with the decoder of models/tiny.
func maskParts(t testing.TB) *testmodel.Parts {
	t.Helper()
	return testmodel.TakeApart(t, testmodel.Read(t, testmodel.Convert(t, "pg1-a", convert.Options{Type: "f32", MaskDecoder: "models/tiny/vae.npz"})))
}

// segmented spells a golden mask in a box of the picture's middle.
func segmented(t testing.TB, mask int) string {
	t.Helper()
	set, err := golden.Load("testdata/locseg/masks.safetensors")
	must(t, err)
	var b strings.Builder
	b.WriteString("<loc0256><loc0256><loc0768><loc0768>")
	for _, c := range set.Ints("codes")[16*mask:][:16] {
		fmt.Fprintf(&b, "<seg%03d>", c)
	}
	return b.String() + " thing"
}

// TestMasks reads masks in a whole model: right, in their places, and none where
// there is nothing to show.
func TestMasks(t *testing.T) {
	m := openParts(t, maskParts(t), Options{Threads: 3})
	if !m.Config().Masks {
		t.Error("the config has no mask decoder")
	}
	set, err := golden.Load("testdata/locseg/masks.safetensors")
	must(t, err)
	_, values := set.Get("torch")
	var all []string
	for i := range 4 {
		all = append(all, segmented(t, i))
	}
	objects, problems := m.ParseObjects(strings.Join(all, " ; ")+" ; <loc0000><loc0000><loc0001><loc0001>", image.Pt(128, 128))
	if len(objects) != 5 || len(problems) != 0 {
		t.Fatalf("%d objects and %d problems, want 5 and none", len(objects), len(problems))
	}
	must(t, m.AddMasks(t.Context(), objects))
	for i, o := range objects[:4] {
		if o.Mask == nil || o.Mask.Rect != image.Rect(32, 32, 96, 96) {
			t.Fatalf("mask %d is %v", i, o.Mask)
		}
		for j, v := range values[4096*i:][:4096] { // 64 x 64 pixels: nothing is stretched
			if a := o.Mask.Pix[j]; a < 127 && v > 0.01 || a > 128 && v < -0.01 {
				t.Fatalf("mask %d, pixel %d: alpha %d for %v", i, j, a, v)
			}
		}
	}
	if o := objects[4]; o.Mask != nil || o.Codes != nil || !o.Pixels.Empty() {
		t.Errorf("box without mask is %+v", o)
	}
	for _, size := range []image.Point{{}, {0, 9}, {1 << 30, 1 << 30}} {
		o, _ := m.ParseObjects(all[0], size)
		if must(t, m.AddMasks(t.Context(), o)); o[0].Mask != nil || len(o[0].Codes) != 16 {
			t.Errorf("mask in a picture of %v is %v", size, o[0].Mask.Rect)
		}
	}
	plain := openParts(t, testmodel.OracleParts(t, "pg1-a"), Options{})
	o, _ := plain.ParseObjects(all[0], image.Pt(128, 128))
	if must(t, plain.AddMasks(t.Context(), o)); o[0].Mask != nil || len(o[0].Codes) != 16 || plain.Config().Masks {
		t.Errorf("without a decoder the object is %+v", o[0])
	}
}

// TestAddMasks decodes masks of objects that were JSON, refuses codes that no mask has, and
// ends with its context.
func TestAddMasks(t *testing.T) {
	m := openParts(t, maskParts(t), Options{})
	want, _ := m.ParseObjects(segmented(t, 0), image.Pt(128, 128))
	data, err := json.Marshal(want)
	must(t, err)
	must(t, m.AddMasks(t.Context(), want))
	var got []Object
	must(t, json.Unmarshal(data, &got))
	if must(t, m.AddMasks(t.Context(), got)); want[0].Mask == nil || !reflect.DeepEqual(got, want) {
		t.Errorf("after JSON the object is %+v, want %+v", got, want)
	}
	left := errors.New("the client left")
	ctx, leave := context.WithCancelCause(t.Context())
	leave(left)
	got[0].Mask = nil
	if err := m.AddMasks(ctx, got); !errors.Is(err, left) || got[0].Mask != nil {
		t.Errorf("after the context's end: %v, mask %v", err, got[0].Mask)
	}
	for _, codes := range [][]int{{}, {1, 2}, make([]int, 17), append(make([]int, 15), -1), append(make([]int, 15), 128)} {
		got[0].Codes = codes
		if err := m.AddMasks(t.Context(), got); err == nil || !strings.Contains(err.Error(), "want 16 from 0 to 127") {
			t.Errorf("codes %v: %v", codes, err)
		}
	}
	got[0].Codes, got[0].Pixels = want[0].Codes, image.Rect(math.MinInt, 0, math.MaxInt, 9) // wider than an int
	if must(t, m.AddMasks(t.Context(), got)); got[0].Mask != nil {
		t.Errorf("mask of %v", got[0].Mask.Rect)
	}
}

// TestMaskTensorsStayOut checks that the engine is not given what it does not
// compute with.
func TestMaskTensorsStayOut(t *testing.T) {
	p := maskParts(t)
	file := p.File(t)
	f, err := gguf.New(bytes.NewReader(file), int64(len(file)))
	must(t, err)
	defer f.Close()
	list, err := specs(t.Context(), f)
	must(t, err)
	for _, s := range list {
		if isMask(s.Name) {
			t.Errorf("the engine gets %s", s.Name)
		}
	}
	if want := len(p.Tensors) - len(locseg.Weights(512)); len(list) != want {
		t.Errorf("the engine gets %d tensors, want %d", len(list), want)
	}
}

// TestBadMaskDecoder opens files whose mask decoder is not whole.
func TestBadMaskDecoder(t *testing.T) {
	change := func(p *testmodel.Parts, name string, f func(x *gguf.Tensor)) {
		for i := range p.Tensors {
			if p.Tensors[i].Name == name {
				f(&p.Tensors[i])
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(p *testmodel.Parts)
		want   []string
	}{
		{"missing", func(p *testmodel.Parts) { delete(p.Data, "mask.decoder.4.bias"); delete(p.Data, "mask.codebook") },
			[]string{"tensor mask.codebook of shape [512 128] is missing", "tensor mask.decoder.4.bias of shape [128] is missing"}},
		{"shape", func(p *testmodel.Parts) {
			change(p, "mask.decoder.6.weight", func(x *gguf.Tensor) { x.Shape = []int{4, 4, 128, 64} })
		},
			[]string{"tensor mask.decoder.6.weight has shape [4 4 128 64], want [4 4 64 128]"}},
		{"type", func(p *testmodel.Parts) {
			change(p, "mask.codebook", func(x *gguf.Tensor) { x.Type = gguf.BF16 })
			p.Data["mask.codebook"] = p.Data["mask.codebook"][:2*128*512]
		}, []string{"tensor mask.codebook is of type bf16, want f32 or f16"}},
		{"width", func(p *testmodel.Parts) { p.Values[hparams.MaskWidthKey] = uint32(256) }, []string{"tensor mask.codebook has shape [512 128], want [256 128]"}},
		{"no width", func(p *testmodel.Parts) { p.Values[hparams.MaskWidthKey] = uint32(0) }, []string{hparams.MaskWidthKey + " is 0, want 1 to"}},
		{"kind of width", func(p *testmodel.Parts) { p.Values[hparams.MaskWidthKey] = "512" }, []string{hparams.MaskWidthKey}},
		{"no key", func(p *testmodel.Parts) { delete(p.Values, hparams.MaskWidthKey) }, []string{"tensor mask.codebook without the key " + hparams.MaskWidthKey}},
	} {
		p := maskParts(t)
		c.change(p)
		_, err := New(p.File(t), &Options{Engine: anyEngine(t)})
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %v, want %q", c.name, err, want)
			}
		}
		var bad *TensorError
		if (c.name == "missing" || c.name == "shape") && !errors.As(err, &bad) {
			t.Errorf("%s: error is %v, want a TensorError", c.name, err)
		}
	}
}

// TestMaskOverflowIsAnError: weights that are finite, and so large that the values of a mask
// are not.
func TestMaskOverflowIsAnError(t *testing.T) {
	p := maskParts(t)
	for _, name := range []string{"mask.decoder.4.weight", "mask.decoder.6.weight", "mask.decoder.8.weight"} {
		p.Change(t, name, func(_, _ int, v float32) float32 { return v * 1e20 })
	}
	m := openParts(t, p, Options{})
	text := segmented(t, 0)
	objects, problems := m.ParseObjects(text, image.Pt(128, 128))
	if len(objects) != 1 || len(problems) != 0 {
		t.Fatalf("objects %+v, problems %+v", objects, problems)
	}
	if err := m.AddMasks(t.Context(), objects); !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), `"thing"`) || objects[0].Mask != nil {
		t.Errorf("error %v, objects %+v", err, objects)
	}
	objects, _ = m.ParseObjects(text, image.Point{})
	must(t, m.AddMasks(t.Context(), objects)) // nothing is decoded
	r, err := m.Run(t.Context(), image.NewGray(image.Rect(0, 0, 40, 40)), Segment("square"), &Sampling{MaxTokens: 24})
	if len(r.Objects) != 1 || r.Objects[0].Pixels.Empty() {
		t.Fatalf("the answer %q has no mask to decode", r.Text)
	}
	if !errors.Is(err, ErrNotFinite) || r.Stop != StopFailed || r.Objects[0].Mask != nil {
		t.Errorf("stop %q, error %v, objects %+v", r.Stop, err, r.Objects)
	}
}
