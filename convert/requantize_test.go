package convert_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

// TestRequantizedEqualsConverted changes the types of a GGUF file: the tensors are
// the same as if the original checkpoint were converted to those types.
func TestRequantizedEqualsConverted(t *testing.T) {
	engine(t)
	src := write(t, hf)
	plain := run(t, src, convert.Options{Type: "bf16"})
	o := convert.Options{Type: "q4_k_m", VisionType: "q5_0"}
	direct := run(t, src, o)
	compare(t, hashes(t, run(t, plain, o)), hashes(t, direct))
	// The same types again copy the blocks; other types need Options.Requantize.
	compare(t, hashes(t, run(t, direct, o)), hashes(t, direct))
	o.Type = "q8_0"
	if _, err := convert.MakePlan(t.Context(), direct, "x.gguf", o); err == nil || !errors.Is(err, convert.ErrQuantized) || !strings.Contains(err.Error(), "is q6_K, to become q8_0") {
		t.Errorf("requantizing gives %v", err)
	}
	o.Requantize = true
	f, before := open(t, run(t, direct, o)), open(t, direct)
	for _, x := range f.Tensors() {
		old, err := before.Tensor(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		if old.Type != gguf.Q6_K && old.Type != gguf.Q4_K {
			continue
		}
		original := make([]float32, x.Elements())
		raw := bytesOf(t, open(t, plain), x.Name)
		gguf.DecodeBF16(original, raw)
		if nmse := q8Error(bytesOf(t, f, x.Name), original); nmse > 0.01 || nmse == 0 {
			t.Errorf("%s: error after %v and q8_0 is %v", x.Name, old.Type, nmse)
		}
	}
	for _, c := range []struct {
		o    convert.Options
		want string
	}{
		{convert.Options{Type: "f16", Split: true}, "two-file form"},
		{convert.Options{Type: "f16", Tokenizer: "t"}, "has its tokenizer already"},
		{convert.Options{Type: "f16", Adapters: []convert.Adapter{{Dir: "a", Scale: 1}}}, "adapters are merged when"},
	} {
		if _, err := convert.MakePlan(t.Context(), plain, "x.gguf", c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v, want %q", err, c.want)
		}
	}
}

// q8Error returns the normalized squared error of Q8_0 rows.
func q8Error(raw []byte, want []float32) float64 {
	var diff, sum float64
	for i, v := range want {
		block := raw[i/32*34:]
		scale := make([]float32, 1)
		gguf.DecodeF16(scale, block[:2])
		got := scale[0] * float32(int8(block[2+i%32]))
		diff += math.Pow(float64(got-v), 2)
		sum += float64(v) * float64(v)
	}
	return diff / sum
}
