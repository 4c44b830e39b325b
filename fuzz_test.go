package paligemma

import (
	"bytes"
	"context"
	"errors"
	"image"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/allocation"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/internal/testrace"
)

// FuzzPrompt reads prompts: text that is asked is UTF-8 without the tokens that are no text,
// and becomes ids of the vocabulary, of which <bos> is the first and no other.
func FuzzPrompt(f *testing.F) {
	for _, text := range []string{"", "caption en\n", "\ufeffdetect cat ; dog\r\n", "<image><image>answer en x?", "<image>a<image>", "<bos>", "a\x00", "\xff",
		"<loc0512><seg001>", "▁▁ \t  ", strings.Repeat("a ", 400), string(wrongPrompt) + "x", "e\u0301\u202e😀\u200d"} {
		f.Add(text)
	}
	m := openTiny(f, Options{})
	bos, _ := m.ID("<bos>")
	f.Fuzz(func(t *testing.T, text string) {
		allocation.Bound(t, len(text), func() {
			r, err := Prompt(text).Read()
			ids := m.PromptIDs(Prompt(text))
			if (err == nil) != (ids != nil) {
				t.Fatalf("%q: error %v, ids %v", text, err, ids)
			}
			if err != nil {
				if !errors.Is(err, ErrPrompt) || !errors.Is(err, ErrRequest) || len(err.Error()) > 500 {
					t.Errorf("%q: error %v", text, err)
				}
				return
			}
			if !utf8.ValidString(r.Text) || strings.ContainsRune(r.Text, 0) || slices.ContainsFunc(reservedMarks, func(mark string) bool { return strings.Contains(r.Text, mark) }) {
				t.Errorf("%q is asked as %q", text, r.Text)
			}
			if ids[0] != bos || slices.Contains(ids[1:], bos) || slices.Contains(ids, m.EOS()) {
				t.Errorf("%q has the ids %v", text, ids)
			}
			for _, id := range ids {
				if id < 0 || int(id) >= m.Config().Vocabulary {
					t.Errorf("%q: id %d of %d", text, id, m.Config().Vocabulary)
				}
			}
			if r.Changed != (r.Text != text) && r.Pictures == 0 {
				t.Errorf("%q is asked as %q, changed: %v", text, r.Text, r.Changed)
			}
		})
	})
}

// patched changes bytes of a file: of each four of patch, three say where and one is the
// value. Where the first is even it is one of the head bytes of the file. The rest of
// patch, up to three bytes, cuts the file.
func patched(file []byte, head int, patch []byte) []byte {
	out := bytes.Clone(file)
	for ; len(patch) >= 4; patch = patch[4:] {
		at, among := int(patch[0])>>1|int(patch[1])<<7|int(patch[2])<<15, len(out)
		if patch[0]&1 == 0 {
			among = head
		}
		out[at%among] = patch[3]
	}
	if len(patch) == 3 {
		out = out[:(int(patch[0])|int(patch[1])<<8|int(patch[2])<<16)%(len(out)+1)]
	}
	return out
}

// FuzzModel opens and runs small models of which some bytes are changed, on ggml's and on our
// kernels: an answer, or an error about the file, in bounded time.
func FuzzModel(f *testing.F) {
	type base struct {
		file []byte
		head int // bytes before the data
	}
	var bases []base
	for _, b := range []struct{ checkpoint, typ string }{{"pg1-a", "f32"}, {"pg1-b", "q8_0"}, {"pg2-a", "q4_k_m"}, {"pg2-c", "q4_0"}} {
		file := testmodel.Read(f, testmodel.Convert(f, b.checkpoint, convert.Options{Type: b.typ}))
		head := len(file)
		for _, data := range testmodel.TakeApart(f, file).Data {
			head -= len(data)
		}
		bases = append(bases, base{file, head})
	}
	for i := range bases {
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{8, 0, 0, 3})                            // in the number of tensors
		f.Add(uint8(i), []byte{0, 0x40, 0, 0xff, 0, 0x60, 0, 0})       // among metadata
		f.Add(uint8(i), []byte{1, 0xff, 3, 0x7f, 3, 0xff, 3, 0xff, 9}) // in weights
		f.Add(uint8(i), []byte{0, 0x10, 1})                            // cut
	}
	engine := anyEngine(f)
	picture := image.NewGray(image.Rect(0, 0, 9, 9))
	f.Fuzz(func(t *testing.T, which uint8, patch []byte) {
		b := bases[int(which)%len(bases)]
		file := patched(b.file, b.head, patch)
		for _, k := range []string{"off", "auto"} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second*testrace.Slowness)
			m, err := New(file, &Options{Engine: engine, Threads: 1, Kernels: k, MemoryLimit: 256 << 20})
			if err == nil {
				_, err = m.Run(ctx, picture, "segment square", &Sampling{MaxTokens: 2})
				if failed := m.Close(); failed != nil {
					t.Errorf("kernels %s: Close: %v", k, failed)
				}
			}
			cancel()
			if err == nil {
				continue
			}
			var fault *PanicError
			if errors.As(err, &fault) || errors.Is(err, context.DeadlineExceeded) || len(err.Error()) > 1<<14 || strings.Contains(err.Error(), "%!") {
				t.Errorf("kernels %s: error %.2000v", k, err)
			}
		}
	})
}
