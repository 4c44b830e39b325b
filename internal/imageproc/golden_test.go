package imageproc

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The golden files come from scripts/imageproc/golden.py, which describes their content.

// A golden is one line of a golden file; each file uses some of the fields.
type golden struct {
	Kind, File    string
	Width, Height int
	Size          int
	SHA256        string
	RGB           []byte
	Bicubic       string
	Bilinear      []byte
}

func (g golden) String() string {
	if g.File != "" {
		return g.File
	}
	return fmt.Sprintf("%s/%dx%d to %d", g.Kind, g.Width, g.Height, g.Size)
}

func readGolden(t *testing.T, name string) []golden {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no cases", name)
	}
	return all
}

// pattern makes the same picture as the script's function of that name.
func pattern(kind string, width, height int) *RGB {
	m := newRGB(width, height)
	for y := range height {
		row := m.row(y)
		for x := range width {
			for c := range 3 {
				v := 255 * ((x/3 + y/5 + c) % 2)
				if kind == "noise" {
					v = 3*x*x + 5*y*y + 7*x*y + 85*c + ((131*x + 71*y + 29*c) ^ (x * y))
				}
				row[3*x+c] = uint8(v)
			}
		}
	}
	return m
}

// diff returns the largest difference of two byte slices, and how many bytes differ.
func diff(t *testing.T, got, want []byte) (largest, count int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d bytes, want %d", len(got), len(want))
	}
	for i := range got {
		d := int(got[i]) - int(want[i])
		if d != 0 {
			count++
		}
		largest = max(largest, d, -d)
	}
	return largest, count
}

func TestStretchEqualsPillow(t *testing.T) {
	for _, g := range readGolden(t, "stretch.json") {
		t.Run(g.String(), func(t *testing.T) {
			m, err := pattern(g.Kind, g.Width, g.Height).Stretch(g.Size)
			if err != nil {
				t.Fatal(err)
			}
			if g.RGB != nil {
				if largest, count := diff(t, m.Pix, g.RGB); count > 0 {
					t.Errorf("%d of %d samples differ, by up to %d", count, len(g.RGB), largest)
				}
			}
			if sum := sha256.Sum256(m.Pix); hex.EncodeToString(sum[:]) != g.SHA256 {
				t.Errorf("SHA-256 of the pixels is %x, want %s", sum, g.SHA256)
			}
		})
	}
}

// TestPrepareEqualsTransformers compares the float32 bits with transformers'
// SiglipImageProcessor.
func TestPrepareEqualsTransformers(t *testing.T) {
	for _, g := range readGolden(t, "prepare.json") {
		px, err := Prepare(t.Context(), pattern(g.Kind, g.Width, g.Height), Options{Size: g.Size})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := binary.Append(nil, binary.LittleEndian, px)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != g.Bicubic {
			t.Errorf("%v: SHA-256 of the pixels is %x, want %s", g, sum, g.Bicubic)
		}
	}
}

// TestBilinearIsNearJax compares with jax.image.resize, which adds float32 in another order.
func TestBilinearIsNearJax(t *testing.T) {
	const tolerance = 2e-6 // of a range of 2; a grey level is 7.8e-3
	for _, g := range readGolden(t, "prepare.json") {
		px, err := Prepare(t.Context(), pattern(g.Kind, g.Width, g.Height), Options{Size: g.Size, Filter: Bilinear})
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float32, len(px))
		if err := binary.Read(bytes.NewReader(g.Bilinear), binary.LittleEndian, want); err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for i := range px {
			worst = max(worst, math.Abs(float64(px[i]-want[i])))
		}
		t.Logf("%v: largest difference %.2g", g, worst)
		if worst > tolerance {
			t.Errorf("%v: differs by %g, want at most %g", g, worst, tolerance)
		}
	}
}

// TestDecodeEqualsPillow decodes a file of every kind. JPEG alone may differ from Pillow,
// since its decoders round the inverse cosine transform differently.
func TestDecodeEqualsPillow(t *testing.T) {
	for _, g := range readGolden(t, "pictures.json") {
		t.Run(g.String(), func(t *testing.T) {
			m, err := Read(t.Context(), bytes.NewReader(picture(t, g.File)), 0)
			if err != nil {
				t.Fatal(err)
			}
			if m.Width != g.Width || m.Height != g.Height {
				t.Fatalf("decoded %d x %d, want %d x %d", m.Width, m.Height, g.Width, g.Height)
			}
			tolerance, share := 0, 0.0
			if strings.HasSuffix(g.File, ".jpg") || strings.Contains(g.File, "jpeg") {
				// One level of luma and 1.772 times one of chroma, in few places.
				tolerance, share = 3, 0.05
			}
			largest, count := diff(t, m.Pix, g.RGB)
			t.Logf("%d of %d samples differ, by up to %d", count, len(g.RGB), largest)
			if largest > tolerance || float64(count) > share*float64(len(g.RGB)) {
				t.Errorf("%d of %d samples differ, by up to %d; want at most %g of them, by up to %d",
					count, len(g.RGB), largest, share, tolerance)
			}
		})
	}
}
