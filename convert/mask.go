package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/locseg"
)

// maskIgnored lists the beginnings of names that only training needs: the encoder,
// and the averages that the codebook is learned by.
var maskIgnored = []string{"encoder.", "_vq_vae._ema_"}

// readMasks opens big_vision's vae-oid.npz, or a file with the same names, and
// returns the tensors of its decoder and the width of its codebook. The error
// lists the arrays that are missing, left over, or of a wrong shape or type.
func readMasks(path string) (ck checkpoint, list []*tensor, width int, err error) {
	if ck, err = openNPZ(path); err != nil {
		return nil, nil, 0, fmt.Errorf("mask decoder: %w", err)
	}
	if list, width, err = resolveMasks(ck); err != nil {
		ck.Close()
		return nil, nil, 0, fmt.Errorf("mask decoder: %s: %w", path, err)
	}
	return ck, list, width, nil
}

func resolveMasks(ck checkpoint) (list []*tensor, width int, err error) {
	arrays := map[string]array{}
	for _, a := range ck.arrays() {
		arrays[a.name] = a
	}
	bad := MismatchError{of: "a mask decoder"}
	width = maskWidth(arrays)
	for _, w := range locseg.Weights(width) {
		a, there := arrays[w.Source]
		delete(arrays, w.Source)
		switch {
		case !there:
			bad.Missing = append(bad.Missing, fmt.Sprintf("%s %v", w.Source, w.Shape))
		case !slices.Equal(a.shape, w.Shape):
			bad.Misshaped = append(bad.Misshaped, fmt.Sprintf("%s %v, want %v", a.name, a.shape, w.Shape))
		case !isFloat(a.typ):
			bad.Misshaped = append(bad.Misshaped, fmt.Sprintf("%s is %v, want f32, f16 or bf16", a.name, a.typ))
		default:
			list = append(list, &tensor{name: w.Name, part: Mask, role: plain, shape: w.Shape, ck: ck, from: a, inner: w.Shape})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		if !slices.ContainsFunc(maskIgnored, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			bad.Unexpected = append(bad.Unexpected, arrays[name].String())
		}
	}
	return list, width, bad.orNil()
}

// maskWidth returns the width of the codebook, or of the first kernel if the file
// lacks a codebook, or of the released decoder if it lacks both.
func maskWidth(arrays map[string]array) int {
	for _, w := range locseg.Weights(1)[:2] {
		if a := arrays[w.Source]; len(a.shape) == len(w.Shape) && a.shape[0] == w.Shape[0] && a.shape[1] >= 1 && a.shape[1] <= hparams.MaxMaskWidth {
			return a.shape[1]
		}
	}
	return 512
}

// addMasks adds the decoder that the options name to a job's tensors.
func (j *job) addMasks(c *Config) error {
	path := j.options.MaskDecoder
	switch {
	case path == "":
		return nil
	case j.options.Split:
		return fmt.Errorf("llama.cpp's two files have no place for a mask decoder; %s needs the one-file form", path)
	case c.MaskWidth > 0:
		return fmt.Errorf("the file has a mask decoder already, %s cannot replace it", path)
	}
	ck, list, width, err := readMasks(path)
	if err != nil {
		return err
	}
	j.masks, c.MaskWidth = ck, width
	j.tensors = append(j.tensors, list...)
	return nil
}
