package imageproc

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
)

// fuzz tries variants of the golden pictures whose names match: no file makes a decoder
// panic or allocate more than every call may, and a decoded picture
// is within the limit and whole.
func fuzz(f *testing.F, pattern string) {
	files, err := filepath.Glob("testdata/pictures/" + pattern)
	if err != nil || len(files) == 0 {
		f.Fatalf("no pictures: %v", err)
	}
	for _, path := range files {
		f.Add(picture(f, filepath.Base(path)))
	}
	f.Add([]byte("P7\nWIDTH 2\nHEIGHT 1\nDEPTH 2\nMAXVAL 9\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n\x00\x01\x02\x03"))
	const limit = 1 << 16 // pixels
	f.Fuzz(func(t *testing.T, file []byte) {
		var m *RGB
		var err error
		allocation.Bound(t, len(file), func() { m, err = Decode(context.Background(), file, limit) })
		if err != nil {
			if strings.Contains(err.Error(), "decoder failed") {
				t.Fatalf("a decoder panicked: %v", err)
			}
			return
		}
		if m.Width*m.Height > limit || len(m.Pix) != 3*m.Width*m.Height {
			t.Fatalf("decoded %d x %d pixels to %d bytes", m.Width, m.Height, len(m.Pix))
		}
		if _, err := Prepare(t.Context(), m, Options{Size: 14}); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDecode(f *testing.F) { fuzz(f, "*") }
func FuzzJPEG(f *testing.F)   { fuzz(f, "*.jpg") }
func FuzzTIFF(f *testing.F)   { fuzz(f, "*.tif") }
func FuzzBMP(f *testing.F)    { fuzz(f, "*.bmp") }
func FuzzPNM(f *testing.F)    { fuzz(f, "*.p[bgp]m") }
func FuzzWebP(f *testing.F)   { fuzz(f, "*.webp") }
func FuzzPNG(f *testing.F)    { fuzz(f, "*.png") }
func FuzzGIF(f *testing.F)    { fuzz(f, "*.gif") }
