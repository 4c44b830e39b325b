package hparams

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// TestReadReturnsWhatWasWritten guards against two keys with one variable, and
// against a variable without a key.
func TestReadReturnsWhatWasWritten(t *testing.T) {
	for _, family := range []string{Gemma, Gemma2} {
		want := example(family)
		for _, x := range forms(&want) {
			got, err := Read(x.change(t, "", nil))
			if err != nil || got != want {
				t.Errorf("%s: read %+v, %v\nwant %+v", x.name, got, err, want)
			}
		}
		want.MaskWidth, want.Text.QueryScale, want.Text.EmbedScale = 512, 0.25, 3
		one := forms(&want)[0]
		if got, err := Read(one.change(t, "", nil)); err != nil || got != want {
			t.Errorf("with masks: read %+v, %v\nwant %+v", got, err, want)
		}
	}
}

// TestMissingKeys guards against defaults: every key that is read must be there,
// and have its type.
func TestMissingKeys(t *testing.T) {
	for _, family := range []string{Gemma, Gemma2} {
		m := example(family)
		for _, x := range forms(&m) {
			for _, f := range append(x.fields, Field{Key: ArchitectureKey, value: entry[string]{&m.Family}}) {
				if f.Value() == nil {
					continue // the key of masks, which the example does not have
				}
				_, err := Read(x.change(t, f.Key, nil))
				if isFixed(f) {
					if err != nil {
						t.Errorf("%s without %s, which is for others: %v", x.name, f.Key, err)
					}
					continue
				}
				if !errors.Is(err, gguf.ErrNotFound) || !strings.Contains(err.Error(), f.Key) {
					t.Errorf("%s without %s: %v", x.name, f.Key, err)
				}
				var wrong *gguf.TypeError
				if _, err := Read(x.change(t, f.Key, int8(1))); !errors.As(err, &wrong) || wrong.Key != f.Key {
					t.Errorf("%s with an int8 %s: %v", x.name, f.Key, err)
				}
			}
		}
	}
}

// bounds lists, for every key that is read, values at the bounds or inside, and
// values outside. Sizes that are inside may not fit the others.
var bounds = func() map[string]struct{ in, out []any } {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	type values = struct{ in, out []any }
	sizes := values{[]any{uint32(1), uint32(1 << 22)}, []any{uint32(0), uint32(1<<22 + 1), uint32(math.MaxInt32 + 1), uint32(math.MaxUint32)}}
	above0 := values{[]any{float32(1e-30), float32(math.MaxFloat32)}, []any{float32(0), float32(-1), nan, inf, -inf}}
	caps := values{[]any{float32(0), float32(1e-9), float32(1e9)}, []any{float32(-1), float32(1e-10), float32(1.1e9), nan, inf, -inf}}
	channels := values{[]any{[]float32{0.5, 0.5, 0.5}}, []any{[]float32{}, []float32{0.5, 0.5}, []float32{0.5, 0.5, 0.5, 0.5}, []float32{0.5, 0.5, 0.4}, []float32{nan, nan, nan}}}
	return map[string]values{
		"family":                              {[]any{"gemma", "gemma2"}, []any{"", "gemma3", strings.Repeat("x", 1000)}},
		"context_length":                      sizes,
		"vocab_size":                          sizes,
		"embedding_length":                    sizes,
		"block_count":                         {[]any{uint32(1), uint32(10)}, []any{uint32(0), uint32(11), uint32(1025), uint32(math.MaxUint32)}},
		"feed_forward_length":                 sizes,
		"attention.head_count":                sizes,
		"attention.head_count_kv":             sizes,
		"attention.key_length":                sizes,
		"attention.layer_norm_rms_epsilon":    above0,
		"rope.freq_base":                      {[]any{float32(1), float32(math.MaxFloat32)}, []any{float32(0.99), nan, inf}},
		"embedding_scale":                     above0,
		"attention.scale":                     {[]any{float32(1e-30), float32(1e9)}, []any{float32(0), float32(-1), float32(1.1e9), nan, inf, -inf}},
		"attn_logit_softcapping":              caps,
		"final_logit_softcapping":             caps,
		"vision.image_size":                   {[]any{uint32(1), uint32(4096)}, []any{uint32(0), uint32(4097), uint32(math.MaxUint32)}},
		"vision.patch_size":                   sizes,
		"vision.embedding_length":             sizes,
		"vision.block_count":                  {[]any{uint32(1), uint32(10)}, []any{uint32(0), uint32(11), uint32(1025), uint32(math.MaxUint32)}},
		"vision.feed_forward_length":          sizes,
		"vision.feed_forward_length_padded":   sizes,
		"vision.projection_dim":               sizes,
		"vision.attention.head_count":         sizes,
		"vision.attention.layer_norm_epsilon": above0,
		"vision.image_mean":                   channels,
		"vision.image_std":                    channels,
		"vision.resampling":                   {[]any{"bicubic", "bilinear"}, []any{"", "nearest"}},
		"mask.embedding_length":               {[]any{uint32(1), uint32(1 << 14)}, []any{uint32(0), uint32(1<<14 + 1)}},
	}
}()

// TestBounds guards against bounds that differ between reading and writing: Check
// refuses the values that Read refuses, with the same words, and no others.
func TestBounds(t *testing.T) {
	for _, family := range []string{Gemma, Gemma2} {
		m := example(family)
		m.MaskWidth = 512
		for _, x := range forms(&m) {
			for _, f := range x.fields {
				if isFixed(f) {
					continue
				}
				short := f.Key
				for _, prefix := range []string{"paligemma.", "gemma.", "gemma2.", "clip."} {
					short = strings.TrimPrefix(short, prefix)
				}
				b, listed := bounds[short]
				if !listed {
					t.Errorf("no bounds of %s are tested", short)
				}
				for _, v := range b.in {
					if _, err := Read(x.change(t, f.Key, v)); err != nil && strings.Contains(err.Error(), f.Key) {
						t.Errorf("%s: %s = %v is refused: %v", x.name, f.Key, v, err)
					}
				}
				for _, v := range b.out {
					_, err := Read(x.change(t, f.Key, v))
					if err == nil || !strings.HasPrefix(err.Error(), f.Key+" ") || len(err.Error()) > 200 {
						t.Errorf("%s: %s = %.50v gives the error %v", x.name, f.Key, v, err)
					}
				}
			}
		}
		for key, b := range bounds {
			for _, v := range append(b.in, b.out...) {
				if n, ok := v.(uint32); ok && strings.HasSuffix(key, "block_count") && n > 10 && n <= 1024 {
					continue // only a file has a number of tensors
				}
				compareCheck(t, m, "paligemma."+key, v)
			}
		}
	}
}

// compareCheck gives one key of m another value, in a file and in the variable, and
// wants the same error from Check as from Read.
func compareCheck(t *testing.T, m Model, key string, v any) {
	t.Helper()
	one := forms(&m)[0]
	_, want := Read(one.change(t, key, v))
	for _, f := range m.OneFile() {
		if f.Key == key {
			if o, ok := f.value.(optional); ok {
				f.value = o.value
			}
			text, _ := one.change(t, key, v)
			if err := f.value.read(text, key); err != nil {
				return // no variable can have such a value
			}
		}
	}
	if key == MaskWidthKey && m.MaskWidth == 0 {
		return // a model without masks
	}
	if got := m.Check(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s = %.50v: Check gives %v, Read %v", key, v, got, want)
	}
}

// TestFit guards against sizes that would end in a division by zero or in a
// tensor of another shape far from here.
func TestFit(t *testing.T) {
	for _, c := range []struct {
		change func(*Model)
		want   string
	}{
		{func(m *Model) { m.Vision.ImageSize = 57 }, "image size 57 in patches of 14"},
		{func(m *Model) { m.Vision.ImageSize = 7 }, "image size 7 in patches of 14"},
		{func(m *Model) { m.Vision.Heads = 7 }, "vision width 60 in 7 heads"},
		{func(m *Model) { m.Vision.Projection = 95 }, "projector to width 95 for a decoder of width 96"},
		{func(m *Model) { m.Text.Heads = 3 }, "3 query heads for 2 key heads"},
		{func(m *Model) { m.Text.HeadDim = 33 }, "head dim 33, want an even number"},
	} {
		m := example(Gemma2)
		c.change(&m)
		_, err := Read(forms(&m)[0].change(t, "", nil))
		if err == nil || err.Error() != c.want {
			t.Errorf("Read gives %v, want %q", err, c.want)
		}
		if err := m.Check(); err == nil || err.Error() != c.want {
			t.Errorf("Check gives %v, want %q", err, c.want)
		}
	}
}

// TestArchitecture guards against a file that is taken for a form that it does
// not have.
func TestArchitecture(t *testing.T) {
	m := example(Gemma2)
	one, two := forms(&m)[0], forms(&m)[1]
	text, projector := two.change(t, "", nil)
	whole, _ := one.change(t, "", nil)
	llama, _ := one.change(t, ArchitectureKey, "llama")
	clip := file(t, map[string]any{ArchitectureKey: Projector})
	part := file(t, map[string]any{"split.no": uint16(1), "split.count": uint16(3), "split.tensors.count": int32(30)})
	for _, c := range []struct {
		name            string
		text, projector *gguf.File
		want            string
	}{
		{"another architecture", llama, llama, `general.architecture is "llama", want paligemma (or gemma, gemma2 with a projector file)`},
		{"a text half alone", text, text, "give it with --mmproj"},
		{"a projector alone", clip, clip, "-m takes the text half"},
		{"a part of a model", part, part, "split.count is 3: the file is part 2 of 3 of a model"},
		{"a part of a projector", text, part, "the file is part 2 of 3 of a model"},
		{"a whole model and a projector", whole, projector, `general.architecture is "paligemma", a whole model: it takes no projector file`},
		{"a projector that is a whole model", text, whole, `key "clip.vision.`},
	} {
		if _, err := Read(c.text, c.projector); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestLlamaQueryScalar guards the one exception that llama.cpp makes.
func TestLlamaQueryScalar(t *testing.T) {
	for _, c := range []struct {
		family string
		layers int
		want   float64
	}{{Gemma, 18, 32}, {Gemma, 46, 32}, {Gemma2, 42, 32}, {Gemma2, 46, 24}} {
		x := Text{Width: 96, Heads: 4, HeadDim: 32, Layers: c.layers}
		if got := x.LlamaQueryScalar(c.family); got != c.want {
			t.Errorf("%s of %d layers: %v, want %v", c.family, c.layers, got, c.want)
		}
	}
}

// TestCheckNamesTheCause guards against a message about a scale where the size is
// wrong that the scale follows from.
func TestCheckNamesTheCause(t *testing.T) {
	m := example(Gemma)
	m.Text.Width = 0
	m.Text.setScales(m.Family)
	if err := m.Check(); err == nil || err.Error() != "paligemma.embedding_length is 0, want 1 to 4194304" {
		t.Errorf("a width of 0 gives %v", err)
	}
}
