package overlay

import (
	"encoding/json"
	"image"
	"os"
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
		got := EncodeMask(mask, image.Pt(c.Width, c.Height))
		if got.Counts != c.Counts || got.Size != [2]int{c.Height, c.Width} {
			t.Errorf("%s: %v %q, want %q", c.Name, got.Size, got.Counts, c.Counts)
		}
	}
	if EncodeMask(nil, image.Pt(3, 3)) != nil {
		t.Error("no mask has an encoding")
	}
}
