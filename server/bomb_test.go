package server

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
)

// bomb returns a PNG of a few kilobytes that claims to be of a size in pixels.
func bomb(width, height uint32) []byte {
	var b bytes.Buffer
	chunk := func(kind string, data []byte) {
		binary.Write(&b, binary.BigEndian, uint32(len(data)))
		b.WriteString(kind)
		b.Write(data)
		binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(append([]byte(kind), data...)))
	}
	b.WriteString("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	chunk("IHDR", append(head, 8, 0, 0, 0, 0))
	var data bytes.Buffer
	z := zlib.NewWriter(&data)
	z.Write(make([]byte, 4<<20))
	z.Close()
	chunk("IDAT", data.Bytes())
	chunk("IEND", nil)
	return b.Bytes()
}

// bombs returns short files of all formats that claim to be of billions of pixels.
func bombs(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{
		"PNG": bomb(60000, 60000),
		"PNM": []byte("P6\n60000 60000\n255\n"),
		"PAM": []byte("P7\nWIDTH 60000\nHEIGHT 60000\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"),
	}
	for name, claim := range map[string]struct{ before, size string }{ // size replaces what follows before
		"444.jpg":         {"\xff\xc0\x00\x11\x08", "\xff\xff\xff\xff"},
		"progressive.jpg": {"\xff\xc2\x00\x11\x08", "\xff\xff\xff\xff"},
		"rgb.gif":         {"GIF8?a", "\xff\xff\xff\xff"},
		"canvas.gif":      {"GIF8?a", "\xff\xff\xff\xff"},
		"rgb.bmp":         {"\x28\x00\x00\x00", "\x60\xea\x00\x00\x60\xea\x00\x00"},
		"rle8.bmp":        {"\x28\x00\x00\x00", "\x60\xea\x00\x00\x60\xea\x00\x00"},
		"lossy.webp":      {"\x9d\x01\x2a", "\xff\x3f\xff\x3f"},
		"lossless.webp":   {"VP8L????\x2f", "\xff\xff\xff\x0f"},
		"animated.webp":   {"VP8X????????", "\xff\x7f\x00\xff\x7f\x00"},
		"rgb.tif":         {}, "rgb-lzw.tif": {}, "rgb-deflate.tif": {}, "rgb-jpeg.tif": {}, "tiles.tif": {}, "planar-strips.tif": {},
	} {
		file, err := os.ReadFile(filepath.Join("..", "internal", "imageproc", "testdata", "pictures", name))
		must(t, err)
		if claim.size == "" {
			claimTIFF(t, file, 60000)
		} else {
			copy(file[behind(t, file, claim.before):], claim.size)
		}
		files[name] = file
	}
	return files
}

// behind returns the place behind a text in a file; a question mark is any byte.
func behind(t testing.TB, file []byte, text string) int {
	t.Helper()
	for at := range len(file) - len(text) {
		same := 0
		for same < len(text) && (text[same] == '?' || text[same] == file[at+same]) {
			same++
		}
		if same == len(text) {
			return at + same
		}
	}
	t.Fatalf("no %q in the file", text)
	return 0
}

// claimTIFF sets the sides of a TIFF.
func claimTIFF(t testing.TB, file []byte, side uint32) {
	t.Helper()
	order := binary.ByteOrder(binary.LittleEndian)
	if file[0] == 'M' {
		order = binary.BigEndian
	}
	directory := file[order.Uint32(file[4:]):]
	set := 0
	for i := range int(order.Uint16(directory)) {
		if entry := directory[2+12*i:]; order.Uint16(entry) == 256 || order.Uint16(entry) == 257 {
			if order.Uint16(entry[2:]) == 3 {
				order.PutUint16(entry[8:], uint16(side))
			} else {
				order.PutUint32(entry[8:], side)
			}
			set++
		}
	}
	if set != 2 {
		t.Fatalf("%d sides in the directory", set)
	}
}

// TestPicturesThatClaimMuch are refused by their size, by every endpoint, before memory of
// that size is taken.
func TestPicturesThatClaimMuch(t *testing.T) {
	s := serve(t, Options{})
	for name, file := range bombs(t) {
		for _, p := range postings(t, file) {
			before := allocation.Total()
			w, got := s.send("POST", p.path, p.body, "Content-Type", p.kind)
			text := string(got)
			if stream := strings.HasPrefix(w.Header.Get("Content-Type"), "text/event-stream"); w.StatusCode != 400 && !stream || len(got) > 500 ||
				!strings.Contains(text, "error") || !strings.Contains(text, " pixels") {
				t.Errorf("%s to %s: status %d, want 400 about its pixels: %.500s", name, p.path, w.StatusCode, got)
			}
			if n := allocation.Total() - before; n > 4<<20 {
				t.Errorf("%s to %s: %d bytes were allocated for a file of %d", name, p.path, n, len(file))
			}
		}
	}
	if !s.idle() {
		t.Error("a request is still inside")
	}
	for _, p := range postings(t, scene(t, "05")) {
		if w, got := s.send("POST", p.path, p.body, "Content-Type", p.kind); w.StatusCode != 200 {
			t.Errorf("a picture to %s: status %d: %.300s", p.path, w.StatusCode, got)
		}
	}
}
