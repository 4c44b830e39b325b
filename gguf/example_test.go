package gguf_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/pgcli/paligemma/gguf"
)

func Example() {
	dir, err := os.MkdirTemp("", "gguf")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "tiny.gguf")
	if err := writeTiny(path); err != nil {
		log.Fatal(err)
	}

	f, err := gguf.Open(context.Background(), path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, t := range f.Tensors() {
		fmt.Println(t.Name, t.Type, t.Shape, t.Size)
	}
	pieces, err := gguf.Get[[]string](f, "tokenizer.ggml.tokens")
	fmt.Println(pieces, err)
	_, err = gguf.Get[int32](f, "tiny.block_count")
	fmt.Println(err)
	// Output:
	// output_norm.weight f32 [4] 16
	// token_embd.weight q8_0 [32 2] 68
	// [<pad> <eos>] <nil>
	// gguf: key "tiny.block_count" holds uint32, want int32
}

func writeTiny(path string) error {
	w, err := gguf.Create(path)
	if err != nil {
		return err
	}
	defer w.Close() // does nothing after Commit
	w.Add("general.architecture", "tiny")
	w.Add("tiny.block_count", uint32(0))
	w.Add("tokenizer.ggml.tokens", []string{"<pad>", "<eos>"})
	w.AddTensor("output_norm.weight", gguf.F32, 4)
	w.AddTensor("token_embd.weight", gguf.Q8_0, 32, 2)
	if err := w.WriteHeader(); err != nil {
		return err
	}
	norm := make([]byte, 16)
	gguf.EncodeF32(norm, []float32{1, 1, 1, 1})
	if err := w.WriteTensor("output_norm.weight", norm); err != nil {
		return err
	}
	if err := w.WriteTensor("token_embd.weight", make([]byte, 68)); err != nil {
		return err
	}
	return w.Commit()
}
