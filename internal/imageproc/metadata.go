package imageproc

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"io"
	"iter"
)

// metadata is what a file says about its picture outside of the pixels.
type metadata struct {
	exif []byte // laid out as a TIFF file
	xmp  []byte // an XML text
}

// maxText is the most bytes that a compressed text of a PNG may expand to, as in Pillow.
const maxText = 1 << 20

// pngMetadata finds the EXIF block in an eXIf chunk or, as ImageMagick writes it, in
// hexadecimal in the text "Raw profile type exif".
func pngMetadata(file []byte) (m metadata) {
	var raw []byte
	for kind, body := range pngChunks(file) {
		switch kind {
		case "eXIf":
			m.exif = body
		case "tEXt", "zTXt", "iTXt":
			switch key, text := pngText(kind, body); key {
			case "Raw profile type exif":
				raw = text
			case "XML:com.adobe.xmp":
				m.xmp = text
			}
		}
	}
	if m.exif == nil && raw != nil {
		m.exif = rawProfile(raw)
	}
	return m
}

// pngChunks goes over the chunks of a PNG. A chunk cut off by the end is left out.
func pngChunks(file []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		const signature, around = 8, 12 // length, type and checksum
		for at := signature; len(file)-at >= around; {
			n := int64(binary.BigEndian.Uint32(file[at:]))
			if n > int64(len(file)-at-around) || !yield(string(file[at+4:at+8]), file[at+8:at+8+int(n)]) {
				return
			}
			at += around + int(n)
		}
	}
}

// pngText splits a text chunk into its key and its text.
func pngText(kind string, body []byte) (key string, text []byte) {
	k, text, _ := bytes.Cut(body, []byte{0})
	compressed := kind == "zTXt"
	switch {
	case kind == "iTXt" && len(text) >= 2: // flag, method, language, translated key
		compressed = text[0] != 0
		_, text, _ = bytes.Cut(text[2:], []byte{0})
		_, text, _ = bytes.Cut(text, []byte{0})
	case compressed && len(text) >= 1: // method
		text = text[1:]
	}
	if compressed {
		r, err := zlib.NewReader(bytes.NewReader(text))
		if err != nil {
			return string(k), nil
		}
		text, _ = io.ReadAll(io.LimitReader(r, maxText)) // a damaged text is read as far as it goes
	}
	return string(k), text
}

// rawProfile decodes ImageMagick's text form of a block: an empty line, its kind, its
// length, and lines of hexadecimal digits. It returns nil if it is damaged.
func rawProfile(text []byte) []byte {
	lines := bytes.SplitN(text, []byte("\n"), 4)
	if len(lines) < 4 {
		return nil
	}
	digits := bytes.Join(bytes.Fields(lines[3]), nil)
	block := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(block, digits); err != nil {
		return nil
	}
	return block
}

// jpegMetadata finds the APP1 segments, of which several may hold one EXIF block.
func jpegMetadata(file []byte) (m metadata) {
	for s := range jpegSegments(file) {
		if s.marker != 0xe1 {
			continue
		}
		if block, ok := bytes.CutPrefix(s.body, []byte("Exif\x00\x00")); ok {
			m.exif = append(m.exif, block...)
		} else if text, ok := bytes.CutPrefix(s.body, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok {
			m.xmp = text
		}
	}
	return m
}

// webpMetadata finds the chunks of an extended WebP.
func webpMetadata(file []byte) (m metadata) {
	for kind, body := range riffChunks(file[min(12, len(file)):]) {
		switch kind {
		case "EXIF":
			m.exif = body
		case "XMP ":
			m.xmp = body
		}
	}
	return m
}

// riffChunks goes over the chunks of a RIFF file behind its header. A chunk cut off by the
// end is left out.
func riffChunks(rest []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for len(rest) >= 8 {
			n := int64(binary.LittleEndian.Uint32(rest[4:]))
			if n > int64(len(rest)-8) || !yield(string(rest[:4]), rest[8:8+n]) {
				return
			}
			rest = rest[min(8+n+n%2, int64(len(rest))):] // chunks of odd length are padded
		}
	}
}

// tiffMetadata takes the page's own directory for EXIF data.
func tiffMetadata(file []byte) metadata {
	const xmp = 700
	d, _ := readDirectory(file)
	return metadata{exif: file, xmp: d.entries[xmp].value}
}
