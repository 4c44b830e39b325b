package export

import (
	"image"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/image/draw"

	"github.com/pgcli/paligemma/internal/imageproc"
)

// TestDensePixelsAreScaledAlike: the small copy is that of the picture itself, which is read a
// colour at a time.
func TestDensePixelsAreScaledAlike(t *testing.T) {
	img := &imageproc.RGB{Width: 61, Height: 47, Pix: make([]uint8, 3*61*47)}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = uint8(random.Uint32())
	}
	got, want := image.NewRGBA(image.Rect(0, 0, 20, 15)), image.NewRGBA(image.Rect(0, 0, 20, 15))
	draw.CatmullRom.Scale(got, got.Rect, dense{img}, img.Bounds(), draw.Src, nil)
	draw.CatmullRom.Scale(want, want.Rect, img, img.Bounds(), draw.Src, nil)
	if !slices.Equal(got.Pix, want.Pix) {
		t.Error("the copy is another one")
	}
}
