package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/golden"
	"github.com/pgcli/paligemma/internal/spm"
)

// makeTiny fills the folder $TINY of scripts: a tiny model of the oracle with a
// picture, a prompt and its answer, and broken files.
//
//	model.gguf      picture.png  prompt.txt  answer.txt (64 tokens)
//	masks.gguf      the same model with a mask decoder
//	truncated.gguf  two thirds of the file
//	missing.gguf    a file without one tensor
//	llama.gguf      a file of another architecture
func makeTiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	checkpoint := filepath.Join("..", "..", "testdata", "oracle", "pg1-a")
	model := filepath.Join(dir, "model.gguf")
	_, err := convert.Run(t.Context(), checkpoint, model, convert.Options{Type: "f32"})
	must(t, err)
	_, err = convert.Run(t.Context(), checkpoint, filepath.Join(dir, "masks.gguf"), convert.Options{
		Type: "f32", MaskDecoder: filepath.Join("..", "..", "models", "tiny", "vae.npz")})
	must(t, err)
	set, err := golden.Load(filepath.Join(checkpoint, "golden.safetensors"))
	must(t, err)
	var about struct{ Prompt string }
	data, err := os.ReadFile(filepath.Join(checkpoint, "golden.json"))
	must(t, err)
	must(t, json.Unmarshal(data, &about))
	data, err = os.ReadFile(filepath.Join(checkpoint, "tokenizer.model"))
	must(t, err)
	v, err := spm.ParseModel(data)
	must(t, err)
	tok, err := spm.New(v)
	must(t, err)
	var ids []int32
	for _, id := range set.Ints("tokens") {
		ids = append(ids, int32(id))
	}
	write := func(name string, data []byte) { must(t, os.WriteFile(filepath.Join(dir, name), data, 0o644)) }
	write("prompt.txt", []byte(about.Prompt+"\n"))
	write("answer.txt", []byte(tok.Decode(ids)+"\n"))
	write("picture.png", picture(t, set))

	whole, err := os.ReadFile(model)
	must(t, err)
	write("truncated.gguf", whole[:len(whole)*2/3])
	write("missing.gguf", without(t, whole, "blk.1.ffn_down.weight", "paligemma"))
	write("llama.gguf", without(t, whole, "", "llama"))
	return dir
}

// picture encodes the golden's pixels [w, h, 3] as PNG. It loses nothing: they come
// from 8-bit samples.
func picture(t *testing.T, set *golden.Set) []byte {
	t.Helper()
	shape, px := set.Get("pixels")
	w, h := shape[0], shape[1]
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		sample := func(c int) uint8 { return uint8(math.Round(float64(px[c*w*h+i]+1) * 127.5)) }
		m.SetNRGBA(i%w, i/w, color.NRGBA{sample(0), sample(1), sample(2), 255})
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, m))
	return b.Bytes()
}

// without copies a GGUF file, but leaves out a tensor and sets the architecture.
func without(t *testing.T, file []byte, tensor, architecture string) []byte {
	t.Helper()
	f, err := gguf.New(bytes.NewReader(file), int64(len(file)))
	must(t, err)
	defer f.Close()
	var b bytes.Buffer
	w := gguf.NewWriter(&b)
	for _, k := range f.Keys() {
		v, err := f.Value(k.Name)
		must(t, err)
		if k.Name == "general.architecture" {
			v = architecture
		}
		w.Add(k.Name, v)
	}
	for _, x := range f.Tensors() {
		if x.Name != tensor {
			w.AddTensor(x.Name, x.Type, x.Shape...)
		}
	}
	must(t, w.WriteHeader())
	for _, x := range f.Tensors() {
		if x.Name != tensor {
			data, err := f.Bytes(x.Name)
			must(t, err)
			must(t, w.WriteTensor(x.Name, data))
		}
	}
	must(t, w.Finish())
	return b.Bytes()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
