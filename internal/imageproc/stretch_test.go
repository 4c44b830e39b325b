package imageproc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/internal/testrace"
)

// TestStretchEqualsResample compares the kernel, where the program has it, with resample,
// its definition.
func TestStretchEqualsResample(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	for i, size := range [][2]int{{640, 480}, {1, 1}, {3, 2}, {17, 300}, {1200, 900}, {longest, 1}, {longest + 1, 1}, {1, longest + 1}} {
		if !testrace.Chosen(i) {
			continue
		}
		m := newRGB(size[0], size[1])
		for i := range m.Pix {
			m.Pix[i] = uint8(r.Uint32())
		}
		for _, side := range []int{14, 224, 448} {
			t.Run(fmt.Sprintf("%dx%d to %d", m.Width, m.Height, side), func(t *testing.T) {
				if !slices.Equal(stretch(t.Context(), m, side), resample(t.Context(), m, side, bicubic())) {
					t.Error("pictures differ")
				}
			})
		}
	}
}
