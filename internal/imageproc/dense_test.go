package imageproc

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
)

// A list is an entry of a TIFF's directory: values of 4 bytes each.
type list struct {
	id, count int
	value     uint32 // the only one, or the place of count values
}

// denseTIFF returns a TIFF of one directory with the tags, behind the data.
func denseTIFF(data []byte, tags ...list) []byte {
	le := binary.LittleEndian
	file := le.AppendUint32([]byte("II*\x00"), uint32(8+len(data)))
	file = append(file, data...)
	file = le.AppendUint16(file, uint16(len(tags)))
	for _, t := range tags {
		file = le.AppendUint16(file, uint16(t.id))
		file = le.AppendUint16(file, 4) // LONG
		file = le.AppendUint32(file, uint32(t.count))
		file = le.AppendUint32(file, t.value)
	}
	return le.AppendUint32(file, 0) // no next directory
}

// webpFile returns an extended WebP of the chunks, whose headers say a canvas of 1 x 1.
func webpFile(chunks []byte) []byte {
	vp8x := "VP8X\x0a\x00\x00\x00\x2c\x00\x00\x00\x00\x00\x00\x00\x00\x00" // ICC, EXIF and XMP
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(vp8x)+len(chunks)))
	return append(append(file, "WEBP"+vp8x...), chunks...)
}

// chunk returns a chunk of a WebP.
func chunk(name string, data []byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data))), data...)
}

// TestDensePicturesAreBounded decodes files of 4 to 32 MiB that are full of what takes the most
// memory for its bytes: no call takes more than 64 MiB and 4 times its input.
func TestDensePicturesAreBounded(t *testing.T) {
	const size = 16 << 20
	noise := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(noise)
	grey := func(w, h int, more ...list) []list {
		return append([]list{{256, 1, uint32(w)}, {257, 1, uint32(h)}, {258, 1, 8}, {259, 1, 1}, {262, 1, 1}}, more...)
	}
	const strips = 1 << 20                             // as many as are read
	places := bytes.Repeat([]byte{8, 0, 0, 0}, strips) // each strip is the file's ninth byte
	counts := bytes.Repeat([]byte{1, 0, 0, 0}, strips)
	var everyTag []list
	for id := 254; id < 254+4000; id++ {
		everyTag = append(everyTag, list{id, strips, 8})
	}
	for name, c := range map[string]struct {
		file []byte
		fine bool
	}{
		"real data":                {denseTIFF(noise, grey(4096, 4096, list{273, 1, 8}, list{278, 1, 4096}, list{279, 1, size})...), true},
		"a strip for each pixel":   {denseTIFF(append(places, counts...), grey(1, strips, list{273, strips, 8}, list{278, 1, 1}, list{279, strips, 8 + 4*strips})...), true},
		"strips that are missing":  {denseTIFF(places, grey(1, 1<<30, list{273, strips, 8}, list{278, 1, 1}, list{279, strips, 8})...), false},
		"every tag with a list":    {denseTIFF(places, everyTag...), false},
		"a list beyond the file":   {denseTIFF(noise[:size/2], grey(16, 16, list{273, 1 << 30, 8}, list{278, 1, 1}, list{279, 1 << 30, 8})...), false},
		"WebP of empty chunks":     {webpFile(bytes.Repeat(chunk("JUNK", nil), size/8)), false},
		"WebP of profiles":         {webpFile(bytes.Repeat(chunk("ICCP", noise[:1<<10]), size>>10)), false},
		"WebP of metadata":         {webpFile(append(chunk("EXIF", noise), chunk("XMP ", noise)...)), false},
		"WebP of a broken picture": {webpFile(chunk("VP8L", append([]byte("\x2f\xff\xff\xff\x0f"), noise...))), false},
	} {
		allocation.Bound(t, len(c.file), func() {
			m, err := Decode(t.Context(), c.file, size)
			if c.fine != (err == nil) {
				t.Errorf("%s: error %.200v", name, err)
			}
			if err != nil && (len(err.Error()) > 4096 || strings.Contains(err.Error(), "decoder failed")) {
				t.Errorf("%s: error %.300v, of %d bytes", name, err, len(err.Error()))
			}
			if err == nil && len(m.Pix) != 3*m.Width*m.Height {
				t.Errorf("%s: %d x %d pixels in %d bytes", name, m.Width, m.Height, len(m.Pix))
			}
		})
	}
}
