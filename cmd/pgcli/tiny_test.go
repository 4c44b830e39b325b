package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/spm"
	"github.com/pgcli/paligemma/internal/testmodel"
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
	q := testmodel.ReadQuestion(t, "pg1-a")
	data, err := os.ReadFile(filepath.Join(checkpoint, "tokenizer.model"))
	must(t, err)
	v, err := spm.ParseModel(data)
	must(t, err)
	tok, err := spm.New(v)
	must(t, err)
	var ids []int32
	for _, id := range q.Tokens {
		ids = append(ids, int32(id))
	}
	write := func(name string, data []byte) { must(t, os.WriteFile(filepath.Join(dir, name), data, 0o644)) }
	write("prompt.txt", []byte(q.Prompt+"\n"))
	write("answer.txt", []byte(tok.Decode(ids)+"\n"))
	var picture bytes.Buffer
	must(t, png.Encode(&picture, q.Pictures[0])) // loses nothing: its samples have 8 bits
	write("picture.png", picture.Bytes())

	whole, err := os.ReadFile(model)
	must(t, err)
	write("truncated.gguf", whole[:len(whole)*2/3])
	write("missing.gguf", without(t, whole, "blk.1.ffn_down.weight", "paligemma"))
	write("llama.gguf", without(t, whole, "", "llama"))
	return dir
}

// without copies a GGUF file, but leaves out a tensor and sets the architecture.
func without(t *testing.T, file []byte, tensor, architecture string) []byte {
	t.Helper()
	p := testmodel.TakeApart(t, file)
	delete(p.Data, tensor)
	p.Values["general.architecture"] = architecture
	return p.File(t)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
