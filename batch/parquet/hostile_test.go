package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/pgcli/paligemma/internal/allocation"
)

// forge makes a file of one row with a page of this header and bytes.
func forge(t testing.TB, h format.PageHeader, body []byte, change func(*format.ColumnMetaData)) []byte {
	t.Helper()
	var whole bytes.Buffer
	must(t, parquet.Write(&whole, []struct {
		Image []byte `parquet:"image,plain"`
	}{{[]byte("a picture")}}))
	f, err := parquet.OpenFile(bytes.NewReader(whole.Bytes()), int64(whole.Len()))
	must(t, err)
	compact := new(thrift.CompactProtocol)
	head, err := thrift.Marshal(compact, h)
	must(t, err)
	data := append([]byte("PAR1"), append(head, body...)...)
	meta := *f.Metadata()
	column := &meta.RowGroups[0].Columns[0].MetaData
	column.DataPageOffset, column.DictionaryPageOffset = 4, 0
	column.TotalCompressedSize = int64(len(data) - 4)
	if change != nil {
		change(column)
	}
	return finish(t, data, &meta)
}

// finish appends the end of a file.
func finish(t testing.TB, data []byte, meta *format.FileMetaData) []byte {
	t.Helper()
	foot, err := thrift.Marshal(new(thrift.CompactProtocol), *meta)
	must(t, err)
	data = append(data, foot...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(foot)))
	return append(data, "PAR1"...)
}

// plainPage returns the header of a page with a row, and its bytes.
func plainPage(text string) (format.PageHeader, []byte) {
	body := append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)
	h := format.PageHeader{Type: format.DataPage, UncompressedPageSize: int32(len(body)), CompressedPageSize: int32(len(body))}
	h.DataPageHeader.Valid, h.DataPageHeader.V = true, format.DataPageHeader{NumValues: 1, Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}
	return h, body
}

// TestHostilePages: pages that claim, or grow to, more than there is are errors that say
// so, in little memory. The same page as it should be is read.
func TestHostilePages(t *testing.T) {
	zip := func(codec format.CompressionCodec, body []byte) []byte {
		var b bytes.Buffer
		switch codec {
		case format.Gzip:
			z := gzip.NewWriter(&b)
			z.Write(body)
			z.Close()
		case format.Brotli:
			z := brotli.NewWriter(&b)
			z.Write(body)
			z.Close()
		case format.Zstd:
			z, err := zstd.NewWriter(&b)
			must(t, err)
			z.Write(body)
			z.Close()
		}
		return b.Bytes()
	}
	bomb := make([]byte, 1<<20)
	many := func(data []byte) []byte { return bytes.Repeat(data, 128) } // of streams that may follow each other
	for name, c := range map[string]struct {
		change func(*format.PageHeader)
		body   []byte
		of     func(*format.ColumnMetaData)
		want   string // "" if it is read
	}{
		"as it should be":   {want: ""},
		"compressed 2 GiB":  {change: func(h *format.PageHeader) { h.CompressedPageSize = 1<<31 - 1 }, want: "page at byte 4 claims to have 2147483647 bytes, and "},
		"compressed -1":     {change: func(h *format.PageHeader) { h.CompressedPageSize = -1 }, want: "page at byte 4 claims to have -1 bytes"},
		"plain 2 GiB":       {change: func(h *format.PageHeader) { h.UncompressedPageSize = 1<<31 - 1 }, want: "page at byte 4 claims to have 2147483647 bytes without compression, want at most"},
		"rows":              {change: func(h *format.PageHeader) { h.DataPageHeader.V.NumValues = 1<<31 - 1 }, want: "page at byte 4 claims to have 2147483647 rows, want at most"},
		"no rows":           {change: func(h *format.PageHeader) { h.DataPageHeader.V.NumValues = 0 }, want: "its pages have 0 of 1 rows"},
		"part 1 TB":         {of: func(m *format.ColumnMetaData) { m.TotalCompressedSize = 1 << 40 }, want: "its pages are said to be the 1099511627776 bytes after byte 4, and the file has"},
		"part at -1":        {of: func(m *format.ColumnMetaData) { m.DataPageOffset = -1 }, want: "after byte -1"},
		"part that is long": {of: func(m *format.ColumnMetaData) { m.DataPageOffset, m.TotalCompressedSize = 1<<63-1, 1<<63-1 }, want: "its pages are said"},
		"header of 2 GiB":   {of: func(m *format.ColumnMetaData) { m.DataPageOffset = 0 }, want: "its header"},
		"snappy":            {body: binary.AppendUvarint(nil, 128<<20), of: func(m *format.ColumnMetaData) { m.Codec = format.Snappy }, want: "it claims to have 134217728 bytes without compression, and its header 13"},
		"gzip":              {body: many(zip(format.Gzip, bomb)), of: func(m *format.ColumnMetaData) { m.Codec = format.Gzip }, want: "has more than the 13 bytes without compression"},
		"brotli":            {body: zip(format.Brotli, bomb), of: func(m *format.ColumnMetaData) { m.Codec = format.Brotli }, want: "has more than the 13 bytes without compression"},
		"zstd":              {body: many(zip(format.Zstd, bomb)), of: func(m *format.ColumnMetaData) { m.Codec = format.Zstd }, want: "has more than the 13 bytes without compression"},
		"zstd window":       {body: append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 19 << 3, 1 | 13<<3, 0, 0}, make([]byte, 13)...), of: func(m *format.ColumnMetaData) { m.Codec = format.Zstd }, want: "window"},
		"gzip 100 MiB":      {change: func(h *format.PageHeader) { h.UncompressedPageSize = 100 << 20 }, of: func(m *format.ColumnMetaData) { m.Codec = format.Gzip }, want: "page at byte 4 claims to have 104857600 bytes without compression, want at most 67108916, as it has 13 in the file"},
		"lz4":               {body: []byte{0xff, 0xff, 0xff, 0xff, 0, 1, 2}, of: func(m *format.ColumnMetaData) { m.Codec = format.Lz4Raw }, want: "page at byte"},
		"lzo":               {body: []byte{1}, of: func(m *format.ColumnMetaData) { m.Codec = format.LZO }, want: "it is compressed with LZO, want UNCOMPRESSED, SNAPPY"},
		"lz4 of Hadoop":     {body: []byte{1}, of: func(m *format.ColumnMetaData) { m.Codec = format.Lz4 }, want: "it is compressed with LZ4, want"},
		"split bytes":       {change: func(h *format.PageHeader) { h.DataPageHeader.V.Encoding = format.ByteStreamSplit }, want: "its values have the encoding BYTE_STREAM_SPLIT, want PLAIN, RLE_DICTIONARY"},
		"no dictionary":     {change: func(h *format.PageHeader) { h.DataPageHeader.V.Encoding = format.RLEDictionary }, want: "numbers of a dictionary, which the group of rows has none of"},
	} {
		h, body := plainPage("a picture")
		if c.body != nil {
			body = c.body
			h.CompressedPageSize = int32(len(body))
		}
		if c.change != nil {
			c.change(&h)
		}
		path := filepath.Join(t.TempDir(), "a.parquet")
		data := forge(t, h, body, c.of)
		must(t, os.WriteFile(path, data, 0o600))
		allocation.Bound(t, len(data), func() {
			for item, err := range (File{Path: path}).Items(t.Context()) {
				var got []byte
				if err == nil {
					got, err = item.Read(t.Context())
				}
				switch {
				case c.want == "" && (err != nil || string(got) != "a picture"):
					t.Errorf("%s: %q, %v", name, got, err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
					t.Errorf("%s: %.20q, error %v, want %s", name, got, err, c.want)
				}
			}
		})
	}
}

// TestHostileRuns: a run of equal levels or indices, or a number of lengths, that is longer
// than its page is an error, in little memory.
func TestHostileRuns(t *testing.T) {
	run := binary.AppendUvarint(nil, 1<<30<<1)
	for name, c := range map[string]struct {
		encoding format.Encoding
		body     []byte
	}{
		"indices": {format.RLEDictionary, append([]byte{1}, append(run, 1)...)},
		"packed":  {format.RLEDictionary, append([]byte{0}, binary.AppendUvarint(nil, 1<<30<<1|1)...)},
		"many":    {format.RLEDictionary, append([]byte{0}, bytes.Repeat(binary.AppendUvarint(nil, 600<<1), 2)...)},
		"lengths": {format.DeltaLengthByteArray, binary.AppendUvarint([]byte{128, 1, 4}, 1<<30)},
		"prefix":  {format.DeltaByteArray, nil},
	} {
		h, _ := plainPage("")
		h.DataPageHeader.V.Encoding = c.encoding
		h.CompressedPageSize, h.UncompressedPageSize = int32(len(c.body)), int32(len(c.body))
		path := filepath.Join(t.TempDir(), "a.parquet")
		must(t, os.WriteFile(path, forge(t, h, c.body, nil), 0o600))
		allocation.Bound(t, 0, func() {
			for item, err := range (File{Path: path}).Items(t.Context()) {
				must(t, err)
				if got, err := item.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "page at byte") {
					t.Errorf("%s: %.20q, error %v, want one about the page", name, got, err)
				}
			}
		})
	}
	levels := page{values: 1, levels: -1}
	if _, err := valuesOf(&levels, append(binary.LittleEndian.AppendUint32(nil, uint32(len(run)+1)), append(run, 1)...), nil, 1, nil); err == nil || !strings.Contains(err.Error(), "its levels: a run has") {
		t.Errorf("levels: error %v", err)
	}
}

// FuzzParquet: no file makes the reader panic, or take much memory.
func FuzzParquet(f *testing.F) {
	for _, name := range []string{"datasets.parquet", "dictionary.parquet", "pages.parquet", "empty.parquet"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		must(f, err)
		f.Add(data)
	}
	h, body := plainPage("a picture")
	f.Add(forge(f, h, body, nil))
	f.Add(forge(f, h, body, func(m *format.ColumnMetaData) { m.TotalCompressedSize = 1 << 40 }))
	path := filepath.Join(f.TempDir(), "a.parquet")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			return
		}
		must(t, os.WriteFile(path, data, 0o600))
		allocation.Bound(t, len(data), func() {
			n := 0
			for item, err := range (File{Path: path}).Items(t.Context()) {
				if n++; err != nil || n > 100 {
					break
				}
				_, _ = item.Read(t.Context())
			}
		})
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
