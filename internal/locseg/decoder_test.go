package locseg_test

import (
	"context"
	"math"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/golden"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/locseg"
)

// decoder converts models/tiny/vae.npz along with a tiny model and reads it.
func decoder(t *testing.T, typ string) *locseg.Decoder {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	o := convert.Options{Type: typ, MaskDecoder: "../../models/tiny/vae.npz"}
	if _, err := convert.Run(context.Background(), "../../testdata/oracle/pg1-a", path, o); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	width, err := gguf.Get[uint32](f, hparams.MaskWidthKey)
	if err != nil {
		t.Fatal(err)
	}
	return locseg.NewDecoder(int(width), func(name string) []float32 {
		data, err := f.Bytes(name)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		values := make([]float32, x.Elements())
		if x.Type == gguf.F16 {
			gguf.DecodeF16(values, data)
		} else {
			gguf.DecodeF32(values, data)
		}
		return values
	})
}

// masks reads the masks that scripts/locseg/golden.py decoded, and their codes.
func masks(t *testing.T) (codes [][locseg.Codes]int, set *golden.Set) {
	t.Helper()
	set, err := golden.Load("../../testdata/locseg/masks.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range set.Ints("codes") {
		if i%locseg.Codes == 0 {
			codes = append(codes, [locseg.Codes]int{})
		}
		codes[len(codes)-1][i%locseg.Codes] = int(v)
	}
	if len(codes) != 4 {
		t.Fatalf("%d masks, want 4", len(codes))
	}
	return codes, set
}

// TestDecodeEqualsReferences compares with PyTorch and with big_vision's formulas.
// All masks are decoded at the same time.
func TestDecodeEqualsReferences(t *testing.T) {
	const pixels = locseg.MaskSide * locseg.MaskSide
	d := decoder(t, "f32")
	codes, set := masks(t)
	got := make([]float32, len(codes)*pixels)
	var running sync.WaitGroup
	for i := range codes {
		running.Go(func() { copy(got[i*pixels:], d.Decode(&codes[i])) })
	}
	running.Wait()
	for _, reference := range []string{"torch", "big_vision"} {
		_, want := set.Get(reference)
		if len(want) != len(got) {
			t.Fatalf("%d values, %s has %d", len(got), reference, len(want))
		}
		worst := 0.0
		for i, v := range want {
			worst = max(worst, math.Abs(float64(got[i]-v)))
		}
		if !(worst <= 1e-5) {
			t.Errorf("%s: the largest difference is %g, want at most 1e-5", reference, worst)
		}
		t.Logf("%s: the largest difference is %.1e", reference, worst)
	}
}

// TestFloat16WeightsKeepMasks bounds the effect of float16 weights on masks.
func TestFloat16WeightsKeepMasks(t *testing.T) {
	full, half := decoder(t, "f32"), decoder(t, "f16")
	codes, _ := masks(t)
	for i := range codes {
		a, b := full.Decode(&codes[i]), half.Decode(&codes[i])
		both, either := 0, 0
		for j := range a {
			if a[j] > 0 && b[j] > 0 {
				both++
			}
			if a[j] > 0 || b[j] > 0 {
				either++
			}
		}
		if iou := float64(both) / float64(either); !(iou > 0.999) {
			t.Errorf("mask %d: intersection over union is %.4f, want more than 0.999", i, iou)
		}
	}
}
