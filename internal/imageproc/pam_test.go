package imageproc

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// pam returns a PAM of 23 x 17 pixels with the pixels of a golden PNM and, for each pixel,
// some values behind its own.
func pam(t *testing.T, name, kind string, depth, extra, maxval int) []byte {
	t.Helper()
	file := picture(t, name)
	h, err := readPNMHeader(file)
	if err != nil {
		t.Fatal(err)
	}
	values := depth - extra
	if maxval > 255 {
		values, extra = 2*values, 2*extra
	}
	out := fmt.Appendf(nil, "P7\n# made here\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL %d\n%sENDHDR\n", h.width, h.height, depth, maxval, kind)
	for p := file[h.start:]; len(p) > 0; p = p[values:] {
		out = append(append(out, p[:values]...), make([]byte, extra)...)
	}
	return out
}

// TestPAMEqualsPNM: a PAM is read as the PNM of the same pixels, whose goldens are
// Pillow's. Alpha is dropped.
func TestPAMEqualsPNM(t *testing.T) {
	for _, c := range []struct {
		name, kind           string
		depth, alpha, maxval int
	}{
		{"binary.ppm", "TUPLTYPE RGB\n", 3, 0, 255},
		{"binary.ppm", "TUPLTYPE RGB_ALPHA\n", 4, 1, 255},
		{"binary.ppm", "", 3, 0, 255},
		{"binary.ppm", "", 4, 1, 255},
		{"binary-100.ppm", "TUPLTYPE RGB\n", 3, 0, 100},
		{"binary16-1000.ppm", "TUPLTYPE RGB_ALPHA\n", 4, 1, 1000},
		{"binary.pgm", "TUPLTYPE GRAYSCALE\n", 1, 0, 255},
		{"binary.pgm", "TUPLTYPE GRAYSCALE_ALPHA\n", 2, 1, 255},
		{"binary16.pgm", "", 1, 0, 65535},
	} {
		want, err := Decode(t.Context(), picture(t, c.name), 0)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(t.Context(), pam(t, c.name, c.kind, c.depth, c.alpha, c.maxval), 0)
		if err != nil || !bytes.Equal(m.Pix, want.Pix) {
			t.Errorf("%s as %q of %d: error %v, or other pixels", c.name, c.kind, c.depth, err)
		}
	}
	// 1 is white in a PAM, black in a PBM.
	m, err := Decode(t.Context(), []byte("P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\x00\x01"), 0)
	if err != nil || !bytes.Equal(m.Pix, []byte{0, 0, 0, 255, 255, 255}) {
		t.Errorf("black and white: %v, error %v", m, err)
	}
}

func TestBadPAMIsAnError(t *testing.T) {
	good := string(pam(t, "binary.ppm", "TUPLTYPE RGB\n", 3, 0, 255))
	for _, c := range []struct {
		old, new string
		want     error
	}{
		{"RGB", "CMYK", ErrUnsupported},
		{"DEPTH 3", "DEPTH 5", ErrUnsupported},
		{"DEPTH 3", "DEPTH 0", ErrBroken},
		{"WIDTH 23\n", "", ErrBroken},
		{"MAXVAL 255", "MAXVAL 65536", ErrBroken},
		{"HEIGHT 17", "HEIGHT 18", ErrBroken}, // one line more than there is
		{"# made", "made", ErrBroken},
		{"WIDTH 23", "WIDTH 2000000", ErrTooLarge},
	} {
		file := bytes.Replace([]byte(good), []byte(c.old), []byte(c.new), 1)
		if _, err := Decode(t.Context(), file, 0); !errors.Is(err, c.want) {
			t.Errorf("%q for %q: error %v, want %v", c.new, c.old, err, c.want)
		}
	}
	if _, err := Decode(t.Context(), []byte(good[:30]), 0); !errors.Is(err, ErrBroken) {
		t.Errorf("half a header: error %v", err)
	}
}
