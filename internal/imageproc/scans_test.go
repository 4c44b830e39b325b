package imageproc

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// progressive returns a grey JPEG of 8 x 8 blocks on each side whose coefficients so many
// scans go over, each in a few bytes: a run without coefficients goes over all blocks.
func progressive(blocks, scans int) []byte {
	side := []byte{byte(blocks * 8 >> 8), byte(blocks * 8)}
	file := append([]byte("\xff\xd8\xff\xdb\x00\x43\x00"), bytes.Repeat([]byte{1}, 64)...)
	file = append(append(append(file, "\xff\xc2\x00\x0b\x08"...), side...), side...)
	file = append(file, "\x01\x01\x11\x00"...)
	for table, symbol := range map[byte]byte{0x00: 0, 0x10: 0xe0} { // a code of one bit: no difference, a run of 2^14 and more
		file = append(append(append(file, "\xff\xc4\x00\x14"...), table, 1), make([]byte, 15)...)
		file = append(file, symbol)
	}
	file = append(append(file, "\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00"...), make([]byte, (blocks*blocks+7)/8)...)
	refinement := []byte("\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00\x00")
	file = append(file, "\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x01\x00\x00"...)
	for range scans - 2 {
		file = append(file, refinement...)
	}
	return append(file, "\xff\xd9"...)
}

// TestManyScans: a scan of 12 bytes goes over all coefficients, so that a short file with
// many would take minutes. What follows the end of the picture, as phones append a film,
// does not count.
func TestManyScans(t *testing.T) {
	few := progressive(100, mostScans)
	if _, err := Decode(t.Context(), append(few, bytes.Repeat([]byte("\xff\xda\x00\x02"), 200)...), 0); err != nil {
		t.Errorf("%d scans: %v", mostScans, err)
	}
	start := time.Now()
	for _, scans := range []int{mostScans + 1, 50_000} {
		_, err := Decode(t.Context(), progressive(100, scans), 0)
		var refused *UnsupportedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "more than 100 scans") {
			t.Errorf("%d scans: %v, want an error that names them", scans, err)
		}
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("refused after %v", took)
	}
}
