package overlay

import (
	"encoding/json"
	"image"
	"os"
	"slices"
	"testing"
)

// TestEncodeMaskEqualsPycocotools compares with the golden file that
// scripts/overlay/golden.py wrote.
func TestEncodeMaskEqualsPycocotools(t *testing.T) {
	data, err := os.ReadFile("testdata/coco.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name          string
		Width, Height int
		Box           [4]int // of the mask: x0, y0, x1, y1
		Bits          []byte // rows of the mask one after the other, the highest bit first
		Counts        string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 10 {
		t.Fatalf("%d cases, want 10 or more", len(cases))
	}
	for _, c := range cases {
		mask := image.NewAlpha(image.Rect(c.Box[0], c.Box[1], c.Box[2], c.Box[3]))
		for i := range mask.Pix {
			mask.Pix[i] = 127
			if c.Bits[i/8]<<(i%8)&0x80 != 0 {
				mask.Pix[i] = 128
			}
		}
		got, err := EncodeMask(t.Context(), mask, image.Pt(c.Width, c.Height))
		if err != nil {
			t.Fatal(err)
		}
		if got.Counts != c.Counts || got.Size != [2]int{c.Height, c.Width} {
			t.Errorf("%s: %v %q, want %q", c.Name, got.Size, got.Counts, c.Counts)
		}
		checkDecoded(t, c.Name, &RLE{[2]int{c.Height, c.Width}, c.Counts}, mask)
	}
	if got, err := EncodeMask(t.Context(), nil, image.Pt(3, 3)); got != nil || err != nil {
		t.Errorf("no mask has an encoding: %v, %v", got, err)
	}
}

// checkDecoded compares the mask that pycocotools encoded with the one decoded.
func checkDecoded(t *testing.T, name string, m *RLE, want *image.Alpha) {
	got, err := m.Decode(t.Context())
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if got == nil {
		got = &image.Alpha{}
	}
	area := 0
	for x := range m.Size[1] {
		for y := range m.Size[0] {
			in := want.AlphaAt(x, y).A >= 128
			if in {
				area++
			}
			if in != (got.AlphaAt(x, y).A == 255) {
				t.Fatalf("%s: pixel (%d, %d) is opaque: %v, want %v", name, x, y, !in, in)
			}
		}
	}
	if n, err := m.Area(); err != nil || n != area {
		t.Errorf("%s: area %d (%v), want %d", name, n, err, area)
	}
}

// TestDecodeRefusesBrokenMasks: sizes and counts that no encoder writes.
func TestDecodeRefusesBrokenMasks(t *testing.T) {
	for _, m := range []RLE{
		{[2]int{0, 4}, "0"}, {[2]int{1 << 40, 1 << 40}, "0"}, {[2]int{2, 2}, ""}, {[2]int{2, 2}, "3"}, {[2]int{2, 2}, "5"},
		{[2]int{2, 2}, "P"}, {[2]int{2, 2}, "\xff"}, {[2]int{2, 2}, "PPPPPPPPPPPPPPPPPPPPP"}, {[2]int{2, 2}, "\x00"}, {[2]int{2, 2}, "O5"},
		{[2]int{1, 1 << 20}, compress(slices.Repeat([]int{1, 1}, 1<<19))}, // more runs than masks of models have
	} {
		if got, err := m.Decode(t.Context()); err == nil {
			t.Errorf("%v %q is decoded to %v, want an error", m.Size, m.Counts, got)
		}
	}
	if got, err := (&RLE{[2]int{2, 2}, "4"}).Decode(t.Context()); got != nil || err != nil {
		t.Errorf("a clear mask gives %v, %v, want neither", got, err)
	}
}
