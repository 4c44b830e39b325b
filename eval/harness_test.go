package eval

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/golden"
)

const oracle = "../testdata/oracle/pg1-a"

// engine returns the built-in ggml, else the shared library that make engines
// fetches; without either it skips the test.
func engine(t testing.TB) paligemma.EngineOptions {
	t.Helper()
	if _, err := paligemma.LoadEngine(nil); err == nil {
		return paligemma.EngineOptions{}
	}
	path := filepath.Join("..", ".engines", "linux-x64")
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("PALIGEMMA_REQUIRE_ENGINE") == "1" {
			t.Fatal("no ggml to test with: make engines")
		}
		t.Skip("no ggml to test with: make engines")
	}
	return paligemma.EngineOptions{Library: path}
}

// open converts a tiny checkpoint with random weights to a type, with the mask
// decoder of the tiny model, and opens it.
func open(t testing.TB, typ string) *paligemma.Model {
	t.Helper()
	e := engine(t)
	path := filepath.Join(t.TempDir(), typ+".gguf")
	_, err := convert.Run(t.Context(), oracle, path, convert.Options{Type: typ, Engine: e.Library, MaskDecoder: "../models/tiny/vae.npz"})
	must(t, err)
	m, err := paligemma.Open(path, &paligemma.Options{Engine: e, Threads: 1, CacheF32: true})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
}

// withPieces returns the oracle's GGUF file with its tokenizer's pieces changed.
func withPieces(t *testing.T, change func([]string) []string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	_, err := convert.Run(t.Context(), oracle, path, convert.Options{Type: "f32", Engine: engine(t).Library})
	must(t, err)
	f, err := gguf.Open(path)
	must(t, err)
	defer f.Close()
	var b bytes.Buffer
	w := gguf.NewWriter(&b)
	for _, k := range f.Keys() {
		v, err := f.Value(k.Name)
		must(t, err)
		if pieces, ok := v.([]string); ok && k.Name == "tokenizer.ggml.tokens" {
			v = change(slices.Clone(pieces))
		}
		w.Add(k.Name, v)
	}
	for _, x := range f.Tensors() {
		w.AddTensor(x.Name, x.Type, x.Shape...)
	}
	must(t, w.WriteHeader())
	for _, x := range f.Tensors() {
		data, err := f.Bytes(x.Name)
		must(t, err)
		must(t, w.WriteTensor(x.Name, data))
	}
	must(t, w.Finish())
	return b.Bytes()
}

// folder makes a data set of lines beside picture.png, the oracle's picture of
// 56 x 56 pixels.
func folder(t testing.TB, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	set, err := golden.Load(filepath.Join(oracle, "golden.safetensors"))
	must(t, err)
	shape, px := set.Get("pixels")
	w, h := shape[0], shape[1]
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		sample := func(c int) uint8 { return uint8(math.Round(float64(px[c*w*h+i]+1) * 127.5)) }
		m.SetNRGBA(i%w, i/w, color.NRGBA{sample(0), sample(1), sample(2), 255})
	}
	save(t, filepath.Join(dir, "picture.png"), m)
	path := filepath.Join(dir, "data.jsonl")
	must(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644))
	return path
}

func save(t testing.TB, path string, m image.Image) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	must(t, png.Encode(f, m))
	must(t, f.Close())
}

// reference returns the oracle's prompt and its answer, 64 tokens.
func reference(t testing.TB, m *paligemma.Model) (prompt, answer string) {
	t.Helper()
	set, err := golden.Load(filepath.Join(oracle, "golden.safetensors"))
	must(t, err)
	data, err := os.ReadFile(filepath.Join(oracle, "golden.json"))
	must(t, err)
	var about struct{ Prompt string }
	must(t, json.Unmarshal(data, &about))
	var ids []int32
	for _, id := range set.Ints("tokens") {
		ids = append(ids, int32(id))
	}
	return about.Prompt, m.Detokenize(ids)
}

// line returns the line of an example about picture.png, with further fields in rest.
func line(t testing.TB, prompt, expected, rest string) string {
	t.Helper()
	p, err := json.Marshal(prompt)
	must(t, err)
	e, err := json.Marshal(expected)
	must(t, err)
	return `{"image": "picture.png", "prompt": ` + string(p) + `, "expected": ` + string(e) + rest + `}`
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
