package convert

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/jsonerr"
)

// maxSafetensorsHeader is the limit of the reference implementation. The header
// of the largest PaliGemma shard takes some 100 KB.
const maxSafetensorsHeader = 100_000_000

// maxArrays is the most arrays that a file of a checkpoint may have, and maxEntry the
// longest description of one in bytes: what is made of a header is bounded with them.
// PaliGemma has 700 arrays, described by some 100 bytes each.
const (
	maxArrays = 1 << 14
	maxEntry  = 4096
)

// safetensorsTypes has the dtypes by their names. Weights of the types in the
// second line are refused later, but buffers that are ignored may have them.
var safetensorsTypes = map[string]gguf.Type{
	"F32": gguf.F32, "F16": gguf.F16, "BF16": gguf.BF16,
	"F64": gguf.F64, "I64": gguf.I64, "I32": gguf.I32, "I16": gguf.I16, "I8": gguf.I8,
}

// A safetensorsArray is an array and where its bytes lie in the file.
type safetensorsArray struct {
	array
	start, end int64
}

// readSafetensors reads the header of a safetensors file of size bytes: its
// length as a uint64, a JSON object of that length, then data that the object's
// offsets must cover exactly, with neither a hole nor an overlap. name is the
// file's name for errors.
func readSafetensors(r io.ReaderAt, size int64, name string) ([]safetensorsArray, error) {
	var prefix [8]byte
	if n, err := r.ReadAt(prefix[:], 0); n < len(prefix) {
		return nil, fmt.Errorf("%s: byte 0: the length of the header: %w", name, noEOF(err))
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > maxSafetensorsHeader || int64(length) > size-8 {
		return nil, fmt.Errorf("%s: byte 0: header of %d bytes, the file has %d and %d are allowed: not a safetensors file, or truncated",
			name, length, size, maxSafetensorsHeader)
	}
	header := make([]byte, length)
	if n, err := r.ReadAt(header, 8); n < len(header) {
		return nil, fmt.Errorf("%s: byte %d: the header: %w", name, 8+n, noEOF(err))
	}
	arrays, err := parseSafetensors(header, 8+int64(length), name)
	if err != nil {
		return nil, err
	}
	return arrays, checkCoverage(arrays, 8+int64(length), size, name)
}

// parseSafetensors reads the JSON object. data is where offsets count from.
// Keys are read one by one, because a map would keep one of two equal names.
func parseSafetensors(header []byte, data int64, name string) ([]safetensorsArray, error) {
	dec := json.NewDecoder(bytes.NewReader(header))
	fail := func(key string, err error) error {
		return fmt.Errorf("%s: byte %d: header: %stensor: %w", name, 8+dec.InputOffset(), key, noEOF(err))
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%s: byte 8: the header is not a JSON object: it starts with %q", name, header[:min(len(header), 16)])
	}
	var arrays []safetensorsArray
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, fail("", err)
		}
		key := token.(string) // the decoder lets nothing else through here
		if seen[key] {
			return nil, fail(fmt.Sprintf("%q: ", key), errors.New("appears twice"))
		}
		seen[key] = true
		if key == "__metadata__" {
			var ignored json.RawMessage
			if err := dec.Decode(&ignored); err != nil {
				return nil, fail("", err)
			}
			continue
		}
		if len(arrays) == maxArrays {
			return nil, fail("", fmt.Errorf("there are %d already, the most that are read", maxArrays))
		}
		a, err := decodeSafetensors(dec, data)
		if err != nil {
			return nil, fail(fmt.Sprintf("%q: ", key), err)
		}
		a.name, a.where = key, fmt.Sprintf("%s: byte %d", name, a.start)
		arrays = append(arrays, a)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fail("", err)
	}
	if rest := bytes.Trim(header[dec.InputOffset():], " \t\r\n\x00"); len(rest) > 0 {
		return nil, fail("", fmt.Errorf("%d bytes follow the JSON object", len(rest)))
	}
	return arrays, nil
}

// decodeSafetensors reads the description of one tensor.
func decodeSafetensors(dec *json.Decoder, data int64) (safetensorsArray, error) {
	var entry struct {
		Type    string  `json:"dtype"`
		Shape   []int   `json:"shape"`
		Offsets []int64 `json:"data_offsets"`
	}
	var raw json.RawMessage
	err := dec.Decode(&raw)
	if err == nil && len(raw) > maxEntry {
		return safetensorsArray{}, fmt.Errorf("its description has %d bytes, want at most %d", len(raw), maxEntry)
	}
	if err == nil {
		err = json.Unmarshal(raw, &entry)
	}
	if err != nil {
		return safetensorsArray{}, jsonerr.Explain(raw, err)
	}
	if len(entry.Offsets) != 2 {
		return safetensorsArray{}, fmt.Errorf("data_offsets has %d numbers, want 2", len(entry.Offsets))
	}
	begin, end := entry.Offsets[0], entry.Offsets[1]
	if begin < 0 || end < begin || end > 1<<62 {
		return safetensorsArray{}, fmt.Errorf("data_offsets %v do not rise from 0", entry.Offsets)
	}
	a := safetensorsArray{start: data + begin, end: data + end}
	a.shape = entry.Shape
	t, known := safetensorsTypes[entry.Type]
	if !known {
		return a, fmt.Errorf("dtype is %q, want F32, F16 or BF16%s", entry.Type, quantizedAs(entry.Type))
	}
	a.typ = t
	size, err := byteSize(t, entry.Shape)
	if err != nil {
		return a, err
	}
	if size != end-begin {
		return a, fmt.Errorf("data_offsets %v span %d bytes, %s %v takes %d", entry.Offsets, end-begin, entry.Type, entry.Shape, size)
	}
	return a, nil
}

// quantizedAs explains a dtype of quantized weights, for an error message.
func quantizedAs(dtype string) string {
	switch {
	case strings.HasPrefix(dtype, "F8_"):
		return ": an FP8 checkpoint; convert the original 16-bit or 32-bit one, and choose the size with --type"
	case dtype == "U8" || strings.HasPrefix(dtype, "F4"):
		return ": packed 4-bit weights, as bitsandbytes has them; convert the original 16-bit or 32-bit checkpoint, and choose the size with --type"
	}
	return ""
}

// checkCoverage checks that the arrays fill the file from data to size.
func checkCoverage(arrays []safetensorsArray, data, size int64, name string) error {
	order := slices.Clone(arrays)
	slices.SortStableFunc(order, func(a, b safetensorsArray) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
	at := data
	for _, a := range order {
		if a.start != at {
			return fmt.Errorf("%s: tensor %q starts at byte %d, but the one before it ends at %d", name, a.name, a.start, at)
		}
		at = a.end
	}
	if at != size {
		return fmt.Errorf("%s: the header describes %d bytes, the file has %d: truncated, or not finished", name, at, size)
	}
	return nil
}

// noEOF makes the end of a file an error when bytes were expected.
func noEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
