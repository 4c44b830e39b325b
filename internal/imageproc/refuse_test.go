package imageproc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
)

// replaced returns a golden picture with some bytes replaced once.
func replaced(t *testing.T, name, old, new string) []byte {
	t.Helper()
	file := picture(t, name)
	if !bytes.Contains(file, []byte(old)) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	return bytes.Replace(file, []byte(old), []byte(new), 1)
}

// tag returns the bytes of a tag of one number in a little-endian TIFF.
func tag(number, value uint32) string {
	b := binary.LittleEndian.AppendUint16(nil, uint16(number))
	b = append(b, 4, 0, 1, 0, 0, 0)
	return string(binary.LittleEndian.AppendUint32(b, value))
}

// TestUnsupportedIsNamed: a valid picture of a kind that is not decoded is neither called
// broken nor decoded to other pixels.
func TestUnsupportedIsNamed(t *testing.T) {
	const sof = "\xff\xc0\x00\x11\x08"
	for want, file := range map[string][]byte{
		"HEIC pictures are not supported":      []byte("\x00\x00\x00\x1cftypheic"),
		"AVIF pictures are not supported":      []byte("\x00\x00\x00\x1cftypavif"),
		"JPEG XL pictures are not supported":   []byte("\xff\x0a\x00"),
		"JPEG 2000 pictures are not supported": []byte("\x00\x00\x00\x0cjP  \r\n"),
		"Photoshop pictures are not supported": []byte("8BPS\x00\x01"),

		// As Pillow's own test pictures begin, which it reads.
		"XBM pictures are not supported":        []byte("#define hopper_width 128\n#define hopper_height 128\n"),
		"IM pictures are not supported":         []byte("Image type: RGB image\r\nName: /"),
		"IM Tools pictures are not supported":   []byte("*comment\nwidth 256\nheight 10\n"),
		"GIMP brush pictures are not supported": []byte("\x00\x00\x00\x27\x00\x00\x00\x02\x00\x00\x00\x40\x00\x00\x00\x40\x00\x00\x00\x04GIMP"),
		"McIDAS pictures are not supported":     []byte("\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x46"),
		"Photo CD pictures are not supported":   []byte(strings.Repeat("\xff", 32) + "\x0e\x0e\x0e\x0e"),

		"unsupported JPEG picture: lossless coding":              replaced(t, "444.jpg", sof, "\xff\xc3\x00\x11\x08"),
		"unsupported JPEG picture: arithmetic coding":            replaced(t, "444.jpg", sof, "\xff\xc9\x00\x11\x08"),
		"unsupported JPEG picture: coding process SOF5":          replaced(t, "444.jpg", sof, "\xff\xc5\x00\x11\x08"),
		"unsupported JPEG picture: samples of 12 bits":           replaced(t, "444.jpg", sof, "\xff\xc0\x00\x11\x0c"),
		"unsupported JPEG picture: sampling of 1x1,2x2,1x1":      replaced(t, "444.jpg", "\x02\x11\x01", "\x02\x22\x01"),
		"unsupported JPEG picture: sampling of 3x1,2x1,1x1":      replaced(t, "444.jpg", "\x01\x11\x00\x02\x11\x01", "\x01\x31\x00\x02\x21\x01"),
		"unsupported BMP picture: compression 5 of 24 bits":      replaced(t, "top-down.bmp", "\x18\x00\x00", "\x18\x00\x05"),
		"unsupported BMP picture: header of 16 bytes":            replaced(t, "rgb.bmp", "\x28\x00\x00\x00", "\x10\x00\x00\x00"),
		"unsupported BMP picture: bit fields [0xf800 0x7e0 0xf":  replaced(t, "565.bmp", "\x1f\x00\x00\x00", "\x0f\x00\x00\x00"),
		"unsupported TIFF picture: compression 2":                replaced(t, "grey1.tif", tag(259, 1), tag(259, 2)),
		"unsupported TIFF picture: predictor 3":                  replaced(t, "planar-predictor.tif", tag(317, 2), tag(317, 3)),
		"unsupported TIFF picture: sample format 3":              replaced(t, "planar-predictor.tif", tag(317, 2), tag(339, 3)),
		"unsupported TIFF picture: photometric interpretation 8": replaced(t, "planar-strips.tif", tag(262, 2), tag(262, 8)),
		"unsupported TIFF picture: alpha in a plane of its own": bytes.Replace(
			replaced(t, "planar-strips.tif", tag(262, 2), tag(262, 1)), []byte(tag(277, 3)), []byte(tag(277, 2)), 1),
	} {
		_, err := Decode(t.Context(), file, 0)
		var unsupported *UnsupportedError
		if !errors.As(err, &unsupported) || !errors.Is(err, ErrUnsupported) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestKindsOfErrors: a caller can tell why a picture was refused.
func TestKindsOfErrors(t *testing.T) {
	kinds := []error{image.ErrFormat, ErrTooLarge, ErrBroken, ErrUnsupported}
	for _, c := range []struct {
		name  string
		file  []byte
		limit int
		want  error
	}{
		{"text", []byte("caption en"), 0, image.ErrFormat},
		{"nothing", nil, 0, image.ErrFormat},
		{"large", picture(t, "rgb.png"), 100, ErrTooLarge},
		{"long file", append(picture(t, "rgb.tif"), make([]byte, 2<<20)...), 400, ErrTooLarge},
		{"truncated PNG", picture(t, "rgb.png")[:400], 0, ErrBroken},
		{"truncated JPEG", picture(t, "444.jpg")[:400], 0, ErrBroken},
		{"without pixels", replaced(t, "binary.ppm", "23", "00"), 0, ErrBroken},
		{"claims much", claim(picture(t, "rgb.png"), 9999, 9999), 0, ErrBroken},
		{"HEIC", []byte("\x00\x00\x00\x1cftypheic"), 0, ErrUnsupported},
	} {
		_, err := Read(t.Context(), bytes.NewReader(c.file), c.limit)
		for _, kind := range kinds {
			if is := errors.Is(err, kind); is != (kind == c.want) {
				t.Errorf("%s: errors.Is(%v, %v) is %v", c.name, err, kind, is)
			}
		}
	}
}

// TestClaimIsBounded: a short file that claims a million pixels allocates what such a
// picture takes at most, 16 bytes a pixel: 8 of 16-bit samples, and what is made of them.
func TestClaimIsBounded(t *testing.T) {
	const side = 1000
	size := string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, side), side))
	for name, file := range map[string][]byte{
		"JPEG":         replaced(t, "sampling-2x2-1x1-1x2.jpg", "\x00\x25\x00\x2d", "\x03\xe8\x03\xe8"),
		"BMP":          replaced(t, "555.bmp", "\x17\x00\x00\x00\x11\x00\x00\x00", size),
		"BMP of runs":  replaced(t, "rle8.bmp", "\x17\x00\x00\x00\x11\x00\x00\x00", size),
		"PBM":          replaced(t, "binary.pbm", "23 17", "1000 1000"),
		"plain PPM":    replaced(t, "plain.ppm", "23 17", "1000 1000"),
		"TIFF":         large(t, "rgb.tif", side),
		"planar":       large(t, "planar16.tif", side),
		"planar tiles": large(t, "planar-tiles.tif", side),
		"TIFF of JPEG": large(t, "rgb-jpeg.tif", side),
		"TIFF, 4 bits": large(t, "grey4-tiles.tif", side),
		"WebP":         replaced(t, "animated-part.webp", "\x1e\x00\x00\x15\x00\x00", "\xe7\x03\x00\xe7\x03\x00"),
	} {
		before := allocation.Total()
		_, err := Decode(t.Context(), file, side*side)
		if n := allocation.Total() - before; n > 16*side*side+1<<20 {
			t.Errorf("%s: allocated %d bytes (error %v)", name, n, err)
		}
		if err == nil && name != "WebP" { // the canvas may be larger than the frame
			t.Errorf("%s: no error", name)
		}
		if _, err := Decode(t.Context(), file, side*side-1); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: error %v with a limit of a pixel less, want one of the size", name, err)
		}
	}
}

// large sets both sides in a little-endian TIFF.
func large(t *testing.T, name string, side uint32) []byte {
	t.Helper()
	file := picture(t, name)
	d, ok := readDirectory(file)
	if !ok {
		t.Fatal("no directory")
	}
	for _, tag := range []uint16{tagWidth, tagHeight} {
		if e := d.entries[tag]; e.kind == 3 {
			binary.LittleEndian.PutUint16(e.value, uint16(side)) // within the file
		} else {
			binary.LittleEndian.PutUint32(e.value, side)
		}
	}
	return file
}
