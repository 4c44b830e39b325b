package imageproc

import (
	"path/filepath"
	"runtime/metrics"
	"strings"
	"testing"
)

// allocated returns the bytes that the process has allocated since its start.
func allocated() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// fuzz tries variants of the golden pictures whose names match: no file makes a decoder
// panic or allocate much more than a picture within the limit takes, and a decoded picture
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
		before := allocated()
		m, err := Decode(file, limit)
		if n := allocated() - before; n > 64*limit+64*int64(len(file))+16<<20 {
			t.Fatalf("allocated %d bytes for a file of %d", n, len(file))
		}
		if err != nil {
			if strings.Contains(err.Error(), "decoder failed") {
				t.Fatalf("a decoder panicked: %v", err)
			}
			return
		}
		if m.Width*m.Height > limit || len(m.Pix) != 3*m.Width*m.Height {
			t.Fatalf("decoded %d x %d pixels to %d bytes", m.Width, m.Height, len(m.Pix))
		}
		if _, err := Prepare(m, Options{Size: 14}); err != nil {
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
