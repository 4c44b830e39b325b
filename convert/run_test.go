package convert_test

import (
	"bytes"
	"maps"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testrace"
)

var (
	hf  = synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma2), Format: convert.HuggingFace, Type: gguf.BF16, Seed: 7}
	npz = synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma2), Format: convert.BigVision, Type: gguf.BF16, Seed: 7}
)

// TestQuantizedRowsEqualGGMLs compares the rows of every type with the rows that
// ggml makes of the F32 file.
func TestQuantizedRowsEqualGGMLs(t *testing.T) {
	lib := engine(t)
	for _, c := range []synthetic.Checkpoint{hf, npz} {
		src := write(t, c)
		plain := open(t, run(t, src, convert.Options{Type: "f32"}))
		for i, typ := range convert.Types() {
			if !testrace.Chosen(i) {
				continue
			}
			f := open(t, run(t, src, convert.Options{Type: typ, VisionType: typ, Threads: 3}))
			if len(f.Tensors()) != len(plain.Tensors()) {
				t.Errorf("%s: %d tensors, want %d", typ, len(f.Tensors()), len(plain.Tensors()))
			}
			for _, x := range f.Tensors() {
				values := make([]float32, x.Elements())
				gguf.DecodeF32(values, bytesOf(t, plain, x.Name))
				want := make([]byte, x.Size)
				if x.Type == gguf.F32 {
					gguf.EncodeF32(want, values)
				} else if err := lib.Quantize(x.Type, want, values, x.Shape[0]); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(bytesOf(t, f, x.Name), want) {
					t.Errorf("%s %s: %s as %v differs from ggml's rows", c.Format, typ, x.Name, x.Type)
				}
			}
		}
	}
}

// engine returns ggml; tests of quantized types have no meaning without.
func engine(t *testing.T) *bindings.Lib {
	t.Helper()
	lib, err := bindings.Open("")
	if err != nil {
		t.Skipf("needs ggml: %v", err)
	}
	return lib
}

func open(t *testing.T, path string) *gguf.File {
	t.Helper()
	f, err := gguf.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func bytesOf(t *testing.T, f *gguf.File, name string) []byte {
	t.Helper()
	data, err := f.Bytes(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestMetadataDescribesTheModel reads a config back from the file.
func TestMetadataDescribesTheModel(t *testing.T) {
	for format, filter := range map[convert.Format]string{convert.HuggingFace: "bicubic", convert.BigVision: "bilinear"} {
		c := hf
		c.Format = format
		f := open(t, run(t, write(t, c), convert.Options{Type: "bf16", Name: "a name"}))
		got, err := convert.ReadConfig(f)
		if err != nil {
			t.Fatal(err)
		}
		want := convert.Config{
			Dims: c.Dims, Context: 8192, QueryPreAttnScalar: 32, RMSEps: float64(float32(1e-6)), RopeBase: 10000, AttnSoftcap: 50, FinalSoftcap: 30,
			VisionEps: float64(float32(1e-6)), ImageMean: [3]float32{0.5, 0.5, 0.5}, ImageStd: [3]float32{0.5, 0.5, 0.5}, Resample: filter,
		}
		if math.Abs(got.QueryPreAttnScalar-want.QueryPreAttnScalar) > 1e-5 {
			t.Errorf("query scale is %v, want %v", got.QueryPreAttnScalar, want.QueryPreAttnScalar)
		}
		got.QueryPreAttnScalar = want.QueryPreAttnScalar
		if got != want {
			t.Errorf("config is %+v\nwant %+v", got, want)
		}
		for key, want := range map[string]any{
			"general.architecture": "paligemma", "general.name": "a name", "general.file_type": uint32(32),
			"paligemma.embedding_scale": float32(16), "paligemma.attention.scale": float32(1 / math.Sqrt(32)),
			"paligemma.vision.feed_forward_length_padded": uint32(256), "paligemma.vision.image_size": uint32(42),
			"tokenizer.ggml.model": "llama", "tokenizer.ggml.bos_token_id": uint32(2), "tokenizer.ggml.add_space_prefix": false,
		} {
			if v, err := f.Value(key); err != nil || v != want {
				t.Errorf("%s is %v (%v), want %v", key, v, err, want)
			}
		}
		tokens, err := gguf.Get[[]string](f, "tokenizer.ggml.tokens")
		if err != nil || len(tokens) != c.Dims.Vocab || tokens[len(tokens)-1] != "<seg127>" || tokens[len(tokens)-1152] != "<loc0000>" {
			t.Errorf("%d tokens, %v", len(tokens), err)
		}
	}
}

// TestTwoFilesHoldTheTensorsOfOne checks that llama.cpp's two files together hold
// the tensors of the one file.
func TestTwoFilesHoldTheTensorsOfOne(t *testing.T) {
	src := write(t, hf)
	want := hashes(t, run(t, src, convert.Options{Type: "bf16", VisionType: "f16"}))
	dst := run(t, src, convert.Options{Type: "bf16", VisionType: "f16", Split: true})
	projector := filepath.Join(filepath.Dir(dst), "mmproj-"+filepath.Base(dst))
	got := hashes(t, dst)
	for name := range got {
		if strings.HasPrefix(name, "v.") || strings.HasPrefix(name, "mm.") {
			t.Errorf("%s is in the text file", name)
		}
	}
	maps.Copy(got, hashes(t, projector))
	compare(t, got, want)
	for path, arch := range map[string]string{dst: "gemma2", projector: "clip"} {
		if got, err := gguf.Get[string](open(t, path), "general.architecture"); err != nil || got != arch {
			t.Errorf("%s is a %q (%v), want %q", path, got, err, arch)
		}
	}
}
