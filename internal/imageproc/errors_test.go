package imageproc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func picture(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", "pictures", name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// claim sets the size in a PNG's header.
func claim(file []byte, width, height uint32) []byte {
	file = bytes.Clone(file)
	binary.BigEndian.PutUint32(file[16:], width)
	binary.BigEndian.PutUint32(file[20:], height)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

func TestErrorSaysWhatTheFileIs(t *testing.T) {
	for file, found := range map[string]string{
		"":                         "an empty file",
		"GGUF\x03\x00\x00\x00":     "a GGUF model",
		"%PDF-1.7":                 "a PDF document",
		"RIFF\x04\x00\x00\x00WAVE": "a RIFF file that is not WebP",
		"version https://git-lfs.github.com/spec/v1\noid": "a git-lfs pointer; `git lfs pull` fetches the picture",
		"caption en\n":                `text ("caption en\n")`,
		"größe":                       `text ("größe")`,
		"\x01\x02\x03":                "unknown data (first bytes 01 02 03)",
		"\x89PN":                      "unknown data (first bytes 89 50 4e)",
		strings.Repeat("a", 63) + "ä": `text ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")`,
	} {
		_, err := Read(t.Context(), strings.NewReader(file), 0)
		var bad *FormatError
		if !errors.As(err, &bad) || bad.Found != found {
			t.Errorf("%q: error %v, want one that found %s", file, err, found)
		}
	}
}

func TestTooManyPixelsAreRefused(t *testing.T) {
	png := picture(t, "rgb.png")
	for _, c := range []struct {
		file          []byte
		limit         int
		width, height int
		want          string
	}{
		{claim(png, 20000, 10000), 0, 20000, 10000, "PNG: picture of 20000 x 10000 = 200000000 pixels is over the limit of 100000000 pixels"},
		{claim(png, 1<<31-1, 1<<24), 0, 1<<31 - 1, 1 << 24, "over the limit"},
		{claim(png, 1<<20+1, 1), 0, 1<<20 + 1, 1, "PNG: picture of 1048577 x 1 pixels has a side over 1048576"},
		{png, 23*17 - 1, 23, 17, "PNG: picture of 23 x 17 = 391 pixels is over the limit of 390 pixels"},
		{picture(t, "420.jpg"), 100, 45, 37, "JPEG: picture of 45 x 37 = 1665 pixels is over the limit of 100 pixels"},
		{picture(t, "canvas.gif"), 391, 31, 22, "GIF: picture of 31 x 22"},
		{picture(t, "rgb.bmp"), 100, 23, 17, "BMP: picture"},
		{picture(t, "rgb.tif"), 100, 23, 17, "TIFF: picture"},
		{picture(t, "lossy-alpha.webp"), 100, 45, 37, "WebP: picture"},
	} {
		_, err := Decode(t.Context(), c.file, c.limit)
		var size *SizeError
		if !errors.As(err, &size) || size.Width != c.width || size.Height != c.height || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v (%+v), want %s", err, size, c.want)
		}
	}
	if _, err := Decode(t.Context(), png, 23*17); err != nil {
		t.Errorf("a picture of exactly the limit: %v", err)
	}
}

// TestClaimAllocatesNothing: a picture within the limit whose file is too short for its
// pixels is refused before memory for them is allocated.
func TestClaimAllocatesNothing(t *testing.T) {
	file := claim(picture(t, "rgb.png"), 9999, 9999)
	var err error
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err = Decode(t.Context(), file, 0)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "cannot hold 9999 x 9999 pixels") {
		t.Errorf("error %v, want one that the file cannot hold the pixels", err)
	}
	if n := r.AllocedBytesPerOp(); n > 1<<20 {
		t.Errorf("allocated %d bytes for a refused picture", n)
	}
}

// TestTruncatedIsAnError cuts every golden picture at every tenth of its length. It is an
// error, unless the rest was not needed and the pixels equal the whole picture's.
func TestTruncatedIsAnError(t *testing.T) {
	files, err := filepath.Glob("testdata/pictures/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pictures: %v", err)
	}
	for _, path := range files {
		file := picture(t, filepath.Base(path))
		whole, err := Decode(t.Context(), file, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			cut := file[:len(file)*i/10]
			m, err := Decode(t.Context(), cut, 0)
			if err == nil && !bytes.Equal(m.Pix, whole.Pix) {
				t.Errorf("%s cut to %d of %d bytes decodes to other pixels", path, len(cut), len(file))
			}
		}
	}
	for name, want := range map[string]string{
		"420.jpg":       "truncated JPEG picture of 400 bytes: ",
		"rgb.png":       "broken or truncated PNG picture of 400 bytes: ",
		"rgb.gif":       "broken or truncated GIF picture of 400 bytes: ",
		"rgb.bmp":       "truncated BMP picture of 400 bytes: ",
		"rgb.tif":       "truncated TIFF picture of 400 bytes: ",
		"lossless.webp": "truncated WebP picture of 400 bytes: ",
	} {
		if _, err := Decode(t.Context(), picture(t, name)[:400], 0); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", name, err, want)
		}
	}
}

// TestDecoderPanicIsAnError: a decoder's bug costs one picture, not the process.
func TestDecoderPanicIsAnError(t *testing.T) {
	f := formats()[0]
	f.decode = func(context.Context, []byte) (image.Image, error) { panic("index out of range") }
	_, err := f.read(t.Context(), picture(t, "rgb.png"), 0)
	if err == nil || !strings.Contains(err.Error(), "PNG picture of 1145 bytes: decoder failed: index out of range") {
		t.Errorf("error %v, want one that the decoder failed", err)
	}
}

// An endless reader returns a PNG signature, then zeros without end.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	if e.read == 0 {
		copy(p, "\x89PNG\r\n\x1a\n")
	}
	e.read += int64(len(p))
	return len(p), nil
}

func TestReadIsBounded(t *testing.T) {
	e := new(endless)
	if _, err := Read(t.Context(), e, 1000); err == nil || !strings.Contains(err.Error(), "over 1056576 bytes") {
		t.Errorf("error %v, want one with the limit on bytes", err)
	}
	if e.read > 4<<20 {
		t.Errorf("read %d bytes of an endless file", e.read)
	}
}

func TestMalformedImageIsAnError(t *testing.T) {
	r := image.Rect(0, 0, 4, 4)
	for _, img := range []image.Image{
		nil,
		(*image.RGBA)(nil),
		(*RGB)(nil),
		image.NewGray(image.Rectangle{}),
		&image.RGBA{Pix: make([]byte, 63), Stride: 16, Rect: r},
		&image.Gray{Pix: make([]byte, 64), Stride: 3, Rect: r},
		&image.YCbCr{Y: make([]byte, 16), YStride: 4, Cb: make([]byte, 3), Cr: make([]byte, 3), CStride: 2, Rect: r, SubsampleRatio: image.YCbCrSubsampleRatio420},
		&image.YCbCr{Y: make([]byte, 16), YStride: 4, Cb: make([]byte, 4), Cr: make([]byte, 3), CStride: 2, Rect: r, SubsampleRatio: image.YCbCrSubsampleRatio420},
		&RGB{Width: 4, Height: 4, Pix: make([]byte, 47)},
		image.NewUniform(image.Black),
	} {
		if _, err := Prepare(t.Context(), img, Options{Size: 14}); err == nil {
			t.Errorf("%T: no error", img)
		}
	}
}

func TestBadOptionsAreErrors(t *testing.T) {
	m := pattern("noise", 3, 3)
	for _, o := range []Options{{}, {Size: -14}, {Size: MaxSize + 1}, {Size: 14, Filter: 2}, {Size: 14, MaxPixels: 8}} {
		if _, err := Prepare(t.Context(), m, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	if _, err := m.Stretch(0); err == nil {
		t.Error("Stretch(0): no error")
	}
}

// TestPanicBesideIsCaught: a panic on another goroutine reaches the caller.
func TestPanicBesideIsCaught(t *testing.T) {
	defer func() {
		if p := recover(); p != "one line" {
			t.Errorf("recovered %v, want the panic of a band", p)
		}
	}()
	bands(t.Context(), 100, 1, func(lo, hi int) {
		if hi == 100 {
			panic("one line")
		}
	})
}

// TestLastPaddingMayBeMissing: some writers of BMPs leave it out, and Pillow does not
// need it.
func TestLastPaddingMayBeMissing(t *testing.T) {
	file := picture(t, "rgb.bmp") // 69 bytes a line, 3 of padding
	whole, err := Decode(t.Context(), file, 0)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut <= 4; cut++ {
		m, err := Decode(t.Context(), file[:len(file)-cut], 0)
		if cut == 4 {
			if !errors.Is(err, ErrBroken) {
				t.Errorf("a pixel is missing: error %v", err)
			}
		} else if err != nil || !bytes.Equal(m.Pix, whole.Pix) {
			t.Errorf("without %d bytes of padding: error %v, or other pixels", cut, err)
		}
	}
}
