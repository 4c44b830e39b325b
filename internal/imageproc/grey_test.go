package imageproc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"image"
	"os"
	"strings"
	"testing"
)

// TestResizeGreyEqualsPillow compares hashes that scripts/locseg/golden.py wrote.
func TestResizeGreyEqualsPillow(t *testing.T) {
	data, err := os.ReadFile("../../testdata/locseg/resize.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Kind     string
		From, To [2]int
		SHA256   string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range cases {
		m := image.NewGray(image.Rect(3, 4, 3+c.From[0], 4+c.From[1]))
		for y := range c.From[1] {
			for x := range c.From[0] {
				v := 255 * ((x/3 + y/5) % 2)
				if c.Kind == "noise" {
					v = 3*x*x + 5*y*y + 7*x*y + ((131*x + 71*y) ^ (x * y))
				}
				m.Pix[y*m.Stride+x] = uint8(v)
			}
		}
		got, err := ResizeGrey(t.Context(), m, c.To[0], c.To[1], 0)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(got.Pix); hex.EncodeToString(sum[:]) != c.SHA256 {
			t.Errorf("%s of %v to %v differs from Pillow's", c.Kind, c.From, c.To)
		}
	}
}

func TestResizeGreyRefusesEmptyLargeAndShort(t *testing.T) {
	good := image.NewGray(image.Rect(0, 0, 2, 2))
	for _, c := range []struct {
		name          string
		m             *image.Gray
		width, height int
		want          string
	}{
		{"empty target", good, 0, 5, "picture of 0 x 5 pixels is empty"},
		{"large target", good, 11, 10, "11 x 10"},
		{"empty source", image.NewGray(image.Rect(0, 0, 0, 2)), 5, 5, "no picture: 0 x 2 pixels"},
		{"short source", &image.Gray{Pix: make([]uint8, 3), Stride: 2, Rect: image.Rect(0, 0, 2, 2)}, 5, 5, "malformed image.Gray"},
	} {
		_, err := ResizeGrey(t.Context(), c.m, c.width, c.height, 100)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// TestResizeGreyEndsWithItsContext: a large mask takes a second.
func TestResizeGreyEndsWithItsContext(t *testing.T) {
	ended, m := errors.New("ended"), image.NewGray(image.Rect(0, 0, 64, 64))
	ctx, end := context.WithCancelCause(t.Context())
	end(ended)
	if _, err := ResizeGrey(ctx, m, 100, 100, 0); err != ended {
		t.Errorf("error is %v, want %v", err, ended)
	}
}
