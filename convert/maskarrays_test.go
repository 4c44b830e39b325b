package convert

import (
	"errors"
	"reflect"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/locseg"
)

// maskArrays returns the arrays of a decoder and some that only training needs.
func maskArrays(width int) *names {
	n := &names{kind: BigVision}
	for _, w := range locseg.Weights(width) {
		n.add(w.Source, gguf.F32, w.Shape...)
	}
	n.add("encoder.0.weight", gguf.F16, 32, 1, 4, 4)
	n.add("_vq_vae._ema_w", gguf.F32, 128, width)
	n.add("_vq_vae._ema_cluster_size", gguf.F32, 128)
	return n
}

// TestMaskArrays checks that one error lists every fault of the arrays.
func TestMaskArrays(t *testing.T) {
	for _, width := range []int{512, 64} {
		list, got, err := resolveMasks(maskArrays(width))
		if err != nil || got != width || len(list) != 25 {
			t.Errorf("%d tensors of width %d, %v, want 25 of width %d", len(list), got, err, width)
		}
	}
	for _, c := range []struct {
		name   string
		change func(n *names)
		want   MismatchError
	}{
		{"all kinds", func(n *names) {
			n.remove(t, "decoder.4.bias")
			n.find(t, "decoder.6.weight").shape = []int{64, 128, 4, 4}
			n.find(t, "decoder.8.bias").typ = gguf.Q8_0
			n.add("decoder.14.bias", gguf.F32, 1)
			n.add("_vq_vae._embedding2", gguf.F32, 1)
		}, MismatchError{
			Missing:    []string{"decoder.4.bias [128]"},
			Misshaped:  []string{"decoder.6.weight [64 128 4 4], want [128 64 4 4]", "decoder.8.bias is q8_0, want f32, f16 or bf16"},
			Unexpected: []string{"_vq_vae._embedding2 f32 [1]", "decoder.14.bias f32 [1]"},
		}},
		{"codebook", func(n *names) { n.find(t, "_embedding").shape = []int{512, 128} }, MismatchError{
			Misshaped: []string{"_vq_vae._embedding [512 128], want [128 512]"},
		}},
		{"two widths", func(n *names) { n.find(t, "_embedding").shape = []int{128, 256} }, MismatchError{
			Misshaped: []string{"decoder.0.weight [128 512 1 1], want [128 256 1 1]"},
		}},
		{"huge", func(n *names) {
			n.find(t, "_embedding").shape = []int{128, 1 << 40}
			n.find(t, "decoder.0.weight").shape = []int{128, 1 << 40, 1, 1}
		}, MismatchError{
			Misshaped: []string{"_vq_vae._embedding [128 1099511627776], want [128 512]", "decoder.0.weight [128 1099511627776 1 1], want [128 512 1 1]"},
		}},
	} {
		n := maskArrays(512)
		c.change(n)
		c.want.of = "a mask decoder"
		_, _, err := resolveMasks(n)
		var got *MismatchError
		if !errors.As(err, &got) || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: error is %v\nwant %v", c.name, err, &c.want)
		}
	}
}
