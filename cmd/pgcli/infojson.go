package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/legible"
)

// infoJSON prints everything about a file as one JSON object. It prints as it reads:
// arrays in pieces, long strings too, so that a header of many megabytes takes little
// more memory than its longest string.
func infoJSON(w io.Writer, f *gguf.File, answers []paligemma.Memory) error {
	buf := bufio.NewWriter(w)
	out := &jsonStream{w: legible.JSON(buf)}
	out.printf("{\n  \"version\": %d,\n  \"bytes\": %d,\n  \"metadata\": {", f.Version(), f.Size())
	for i, k := range f.Keys() {
		out.printf("%s\n    ", comma(i))
		out.value(k.Name)
		out.printf(": ")
		if err := out.metadata(f, k); err != nil {
			return err
		}
	}
	out.printf("\n  },\n  \"tensors\": [")
	for i, t := range parts(f) {
		out.printf("%s\n    ", comma(i))
		out.value(tensorJSON{t.Name, string(t.Part), t.Shape, t.Type.String(), t.Bytes, ""})
	}
	out.printf("\n  ]")
	if c, err := convert.ReadConfig(f); err == nil {
		out.printf(",\n  \"memory\": ")
		out.value(memory(f, c))
	}
	if len(answers) > 0 { // of as many at a time as sessions says, with the default options
		out.printf(",\n  \"answers\": ")
		out.value(answers)
	}
	out.printf("\n}\n")
	if out.err != nil {
		return out.err
	}
	return buf.Flush()
}

// comma returns what stands before the i-th member.
func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// A jsonStream writes JSON bit by bit. Its error is sticky.
type jsonStream struct {
	w   io.Writer
	err error
}

func (j *jsonStream) printf(format string, args ...any) {
	if j.err == nil {
		_, j.err = fmt.Fprintf(j.w, format, args...)
	}
}

// value writes v on one line. Unlike printJSON it does not escape the < and > of pieces.
func (j *jsonStream) value(v any) { j.printf("%s", j.encoded(v)) }

func (j *jsonStream) encoded(v any) []byte {
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil && j.err == nil {
		j.err = err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// metadata writes the value of a key. The error is about the file.
func (j *jsonStream) metadata(f *gguf.File, k gguf.Key) error {
	if k.Array {
		j.printf("[")
	}
	between := ""
	for piece, err := range f.Pieces(k.Name) {
		if err != nil {
			return err
		}
		switch p := piece.(type) {
		case string:
			j.text(p)
		case []string:
			for _, s := range p {
				j.printf("%s", between)
				j.text(s)
				between = ","
			}
		default:
			j.printf("%s%s", between, bytes.Trim(j.encoded(elements(piece)), "[]"))
			between = ","
		}
	}
	if k.Array {
		j.printf("]")
	}
	return nil
}

// text writes a string in pieces.
func (j *jsonStream) text(s string) {
	const most = 32 << 10 // bytes
	j.printf(`"`)
	for len(s) > 0 {
		n := min(len(s), most)
		for n < len(s) && !utf8.RuneStart(s[n]) {
			n++
		}
		quoted := j.encoded(s[:n])
		j.printf("%s", quoted[1:len(quoted)-1])
		s = s[n:]
	}
	j.printf(`"`)
}

// elements returns numbers for package json, which spells bytes in base64 and has no
// number that is not finite: those become strings.
func elements(piece any) any {
	switch p := piece.(type) {
	case []uint8:
		list := make([]int, len(p))
		for i, v := range p {
			list[i] = int(v)
		}
		return list
	case float32:
		return jsonNumbers([]float32{p})
	case float64:
		return jsonNumbers([]float64{p})
	case []float32:
		return jsonNumbers(p)
	case []float64:
		return jsonNumbers(p)
	}
	return piece
}

func jsonNumbers[T float32 | float64](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		if out[i] = v; v-v != 0 {
			out[i] = fmt.Sprint(v) // NaN, +Inf or -Inf
		}
	}
	return out
}
