package eval

import (
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/golden"
	"github.com/pgcli/paligemma/internal/testmodel"
)

const oracle = "../testdata/oracle/pg1-a"

// engine returns the built-in ggml, else the shared library that make engines
// fetches; without either it skips the test.
func engine(t testing.TB) paligemma.EngineOptions {
	t.Helper()
	return paligemma.EngineOptions{Library: testmodel.Engine(t)}
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
	p := testmodel.OracleParts(t, "pg1-a")
	const key = "tokenizer.ggml.tokens"
	p.Values[key] = change(p.Values[key].([]string))
	return p.File(t)
}

// folder makes a data set of lines beside picture.png, the oracle's picture of
// 56 x 56 pixels.
func folder(t testing.TB, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	save(t, filepath.Join(dir, "picture.png"), testmodel.ReadQuestion(t, "pg1-a").Pictures[0])
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
