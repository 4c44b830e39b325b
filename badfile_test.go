package paligemma

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/internal/testrace"
)

// refuse wants New to fail with an error that has all the words, and without
// taking much more memory than the file, or leaving anything native behind.
// It returns the error's text.
func refuse(t *testing.T, what string, file []byte, words ...string) string {
	t.Helper()
	e := anyEngine(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := New(file, &Options{Engine: e, Threads: 1})
	runtime.ReadMemStats(&after)
	if err == nil {
		m.Close()
		t.Errorf("%s: the file is opened", what)
		return ""
	}
	text := err.Error()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s: error %q, want one with %q", what, text, word)
		}
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
		t.Errorf("%s: %d MiB are allocated for a file of %d KiB", what, took>>20, len(file)>>10)
	}
	if lib, err := bindings.Open(e.Library); err != nil || lib.Live() != 0 {
		t.Errorf("%s: %d native handles are left, %v", what, lib.Live(), err)
	}
	return text
}

func TestNotAModel(t *testing.T) {
	file := testmodel.OracleParts(t, "pg1-a").File(t)
	refuse(t, "no bytes", nil, "gguf")
	refuse(t, "text", []byte("Dear reader, this is not a model."), "not a GGUF file")
	refuse(t, "zeros", make([]byte, 4096), "not a GGUF file")
	for i := range 16 {
		refuse(t, fmt.Sprintf("%d/16 of a file", i), file[:len(file)*i/16], "gguf")
	}
	refuse(t, "all but the last byte", file[:len(file)-1], "gguf")

	for _, path := range []string{t.TempDir(), "none.gguf"} {
		if _, err := Open(path, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%q): %v", path, err)
		}
	}
	for arch, word := range map[string]string{"llama": "llama", "": "general.architecture", "gemma": `"gemma": is half a model`, "gemma2": `"gemma2": is half a model`} {
		p := testmodel.OracleParts(t, "pg1-a")
		p.Values["general.architecture"] = arch
		refuse(t, "architecture "+arch, p.File(t), word)
	}
	two := testmodel.Convert(t, "pg1-a", convert.Options{Type: "f32", Split: true})
	refuse(t, "text half alone", testmodel.Read(t, two), "give it with --mmproj")
	refuse(t, "projector alone", testmodel.Read(t, projectorOf(two)), "clip")
}

// TestMissingKeys takes each key away that the package reads, and gives it
// another type.
func TestMissingKeys(t *testing.T) {
	optional := []string{ // of the file format, or not read
		"general.type", "general.name", "general.file_type", "general.quantization_version", "general.alignment",
		"paligemma.image_token_count", "paligemma.attention.value_length", "paligemma.rope.dimension_count",
		"tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.padding_token_id",
		"tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token", "tokenizer.ggml.add_space_prefix",
	}
	for _, name := range []string{"pg1-a", "pg2-a"} {
		all := testmodel.OracleParts(t, name)
		for i, key := range all.Keys {
			if slices.Contains(optional, key) || !testrace.Chosen(i) {
				continue
			}
			v := all.Values[key]
			delete(all.Values, key)
			refuse(t, name+" without "+key, all.File(t), key)
			all.Values[key] = int8(1)
			refuse(t, name+" with int8 "+key, all.File(t), key)
			all.Values[key] = v
		}
		for _, key := range optional {
			if v, ok := all.Values[key]; ok {
				delete(all.Values, key)
				m, err := New(all.File(t), &Options{Engine: anyEngine(t), Threads: 1})
				if err != nil {
					t.Errorf("%s without %s: %v", name, key, err)
				}
				must(t, m.Close())
				all.Values[key] = v
			}
		}
	}
}

// named matches errors that say which sizes do not fit each other.
var named = regexp.MustCompile(`tensor \S+ |image size \d+ in patches of \d+|vision width \d+ in \d+ heads|` +
	`\d+ query heads for \d+ key heads|head dim \d+|projector to width \d+|\d+ pieces|piece ".*" \(id \d+\)|(bos|eos|pad) id \d+`)

// TestAbsurdValues gives each number of a file values that make no sense: the
// error names the key, or what does not fit it.
func TestAbsurdValues(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	all := testmodel.OracleParts(t, "pg2-a")
	for i, key := range all.Keys {
		if !testrace.Chosen(i) {
			continue
		}
		var values []any
		v := all.Values[key]
		switch n := v.(type) {
		case uint32:
			values = []any{uint32(1 << 16), uint32(1 << 24), uint32(1 << 31), uint32(math.MaxUint32)}
			switch {
			case strings.HasSuffix(key, "token_id"): // any in the vocabulary may be meant
			case strings.HasSuffix(key, "context_length"): // larger ones may be
				values = []any{uint32(0), uint32(1 << 31)}
			default:
				values = append(values, uint32(0), n+1)
			}
		case float32:
			values = []any{nan, inf, -inf, float32(-1)}
		case []float32:
			values = []any{[]float32{}, []float32{nan, nan, nan}, []float32{0.5}, []float32{0.5, 0.5, 0.4}}
		case []int32:
			values = []any{[]int32{}, make([]int32, len(n)), slices.Repeat([]int32{99}, len(n))}
		case []string:
			values = []any{[]string{}, make([]string, len(n)), n[:len(n)-1], append(slices.Clone(n), "more")}
		case string:
			values = []any{"", "nonsense", strings.Repeat("x", 1<<20)}
		}
		for _, v := range values {
			if harmless(key) {
				continue
			}
			all.Values[key] = v
			err := refuse(t, fmt.Sprintf("%s = %.60s", key, fmt.Sprint(v)), all.File(t))
			if !named.MatchString(err) && !strings.Contains(err, key) || len(err) > 4000 {
				t.Errorf("%s = %.60v: error %.300q", key, v, err)
			}
		}
		all.Values[key] = v
	}
}

// harmless tells the keys that any value of their type will do for, and those
// that the format itself reads.
func harmless(key string) bool {
	return strings.HasPrefix(key, "general.") && key != "general.architecture" ||
		slices.Contains([]string{
			"paligemma.image_token_count", "paligemma.attention.value_length", "paligemma.rope.dimension_count",
			"paligemma.vision.feed_forward_length", "tokenizer.ggml.model", "tokenizer.ggml.pre",
		}, key)
}

// TestTensors takes each tensor away, and gives it another shape and type: a
// TensorError names it.
func TestTensors(t *testing.T) {
	for _, name := range []string{"pg1-b", "pg2-a"} {
		p := testmodel.OracleParts(t, name)
		for i, x := range p.Tensors {
			if !testrace.Chosen(i) {
				continue
			}
			data := p.Data[x.Name]
			delete(p.Data, x.Name)
			wantTensorError(t, p, x.Name, nil)
			p.Data[x.Name] = data

			p.Tensors[i].Shape = slices.Clone(x.Shape)
			p.Tensors[i].Shape[0], p.Data[x.Name] = 2*x.Shape[0], make([]byte, 2*len(data))
			wantTensorError(t, p, x.Name, p.Tensors[i].Shape)

			p.Tensors[i] = gguf.Tensor{Name: x.Name, Type: gguf.I16, Shape: x.Shape}
			p.Data[x.Name] = data[:len(data)/2]
			refuse(t, x.Name+" as int16", p.File(t), x.Name)
			p.Tensors[i], p.Data[x.Name] = x, data
		}
	}
}

func wantTensorError(t *testing.T, p *testmodel.Parts, name string, got []int) {
	t.Helper()
	m, err := New(p.File(t), &Options{Engine: anyEngine(t), Threads: 1})
	if err == nil {
		m.Close()
	}
	var wrong *TensorError
	if !errors.As(err, &wrong) || wrong.Name != name || got == nil != (wrong.Got == nil) || got != nil && wrong.Got[0] != got[0] {
		t.Errorf("%s of shape %v: error %v", name, got, err)
	}
}

// TestFlippedHeaders changes bytes of a header at random: New opens the file or
// refuses it, and never ends the process. A model that still opens must answer
// or say why not.
func TestFlippedHeaders(t *testing.T) {
	tries := testrace.Share(400)
	if testing.Short() {
		tries = 40
	}
	flipHeaders(t, 1, tries)
}

func flipHeaders(t *testing.T, seed uint64, tries int) {
	file := testmodel.Read(t, testmodel.Convert(t, "pg2-a", convert.Options{Type: "f32"}))
	f, err := gguf.New(bytes.NewReader(file), int64(len(file)))
	must(t, err)
	head := int(f.DataOffset())
	list := bytes.Index(file, []byte("tokenizer.ggml.tokens")) // most of the header is pieces
	after := bytes.Index(file, []byte("tokenizer.ggml.bos_token_id"))
	r := rand.New(rand.NewPCG(seed, 0))
	q := readQuestion(t, "pg2-a")
	opened := 0
	for range tries {
		broken := bytes.Clone(file)
		for range 1 + r.IntN(3) {
			at := r.IntN(head)
			if at > list && at < after && r.IntN(20) > 0 {
				at = after + r.IntN(head-after)
			}
			broken[at] = byte(r.Uint32())
		}
		m, err := New(broken, &Options{Engine: anyEngine(t), Threads: 1})
		if err != nil {
			continue
		}
		opened++
		if m.cfg.ImageTokens < 1000 && m.cfg.Width < 1000 {
			m.Run(t.Context(), q.pictures[0], q.prompt, &Sampling{MaxTokens: 2}) // any answer, any error
		}
		must(t, m.Close())
	}
	t.Logf("%d of %d files are opened still", opened, tries)
}

// TestManySeeds is TestFlippedHeaders for as long as asked.
func TestManySeeds(t *testing.T) {
	var seeds uint64
	if fmt.Sscan(os.Getenv("PALIGEMMA_TEST_SEEDS"), &seeds); seeds == 0 {
		t.Skip("set PALIGEMMA_TEST_SEEDS to how many seeds to try")
	}
	for seed := range seeds {
		flipHeaders(t, 100+seed, 400)
	}
}

// TestBadProjector opens llama.cpp's form with another file for the tower.
func TestBadProjector(t *testing.T) {
	two := testmodel.Convert(t, "pg1-a", convert.Options{Type: "f32", Split: true})
	other := testmodel.Convert(t, "pg2-a", convert.Options{Type: "f32", Split: true})
	text := filepath.Join(t.TempDir(), "text")
	must(t, os.WriteFile(text, []byte("not a projector"), 0o600))
	for path, word := range map[string]string{
		"none.gguf": "none.gguf", text: "not a GGUF", two: "clip.", projectorOf(other): "width",
	} {
		m, err := Open(two, &Options{Engine: anyEngine(t), Threads: 1, Projector: path})
		if err == nil {
			m.Close()
		}
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("projector %s: %v, want an error with %q", filepath.Base(path), err, word)
		}
	}
}
