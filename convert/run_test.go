package convert_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/convert/synthetic"
	"github.com/pgcli/paligemma/gguf"
)

var (
	hf  = synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma2), Format: convert.HuggingFace, Type: gguf.BF16, Seed: 7}
	npz = synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma2), Format: convert.BigVision, Type: gguf.BF16, Seed: 7}
)

// TestQuantized compares the rows of every type with ggml's own of the F32 file.
func TestQuantized(t *testing.T) {
	lib := engine(t)
	for _, c := range []synthetic.Checkpoint{hf, npz} {
		src := write(t, c)
		plain := open(t, run(t, src, convert.Options{Type: "f32"}))
		for _, typ := range convert.Types() {
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
	f, err := gguf.Open(path)
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

// TestMetadata reads back what a conversion knows about its model.
func TestMetadata(t *testing.T) {
	for format, filter := range map[convert.Format]string{convert.HuggingFace: "bicubic", convert.BigVision: "bilinear"} {
		c := hf
		c.Format = format
		f := open(t, run(t, write(t, c), convert.Options{Type: "bf16", Name: "a name"}))
		got, err := convert.ReadConfig(f)
		if err != nil {
			t.Fatal(err)
		}
		want := convert.Config{
			Dims: c.Dims, Context: 8192, QueryScale: 32, RMSEps: float64(float32(1e-6)), RopeBase: 10000, AttnSoftcap: 50, FinalSoftcap: 30,
			VisionEps: float64(float32(1e-6)), ImageMean: [3]float32{0.5, 0.5, 0.5}, ImageStd: [3]float32{0.5, 0.5, 0.5}, Resample: filter,
		}
		if math.Abs(got.QueryScale-want.QueryScale) > 1e-5 {
			t.Errorf("query scale is %v, want %v", got.QueryScale, want.QueryScale)
		}
		got.QueryScale = want.QueryScale
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

// TestSplit checks that the two files together hold the tensors of the one.
func TestSplit(t *testing.T) {
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

// TestRequantize changes types of a GGUF file: the result is that of the
// original checkpoint.
func TestRequantize(t *testing.T) {
	engine(t)
	src := write(t, hf)
	plain := run(t, src, convert.Options{Type: "bf16"})
	o := convert.Options{Type: "q4_k_m", VisionType: "q5_0"}
	direct := run(t, src, o)
	compare(t, hashes(t, run(t, plain, o)), hashes(t, direct))
	// The same types again copy the blocks; others have to be allowed.
	compare(t, hashes(t, run(t, direct, o)), hashes(t, direct))
	o.Type = "q8_0"
	if _, err := convert.MakePlan(direct, "x.gguf", o); err == nil || !errors.Is(err, convert.ErrQuantized) || !strings.Contains(err.Error(), "is q6_K, to become q8_0") {
		t.Errorf("requantizing gives %v", err)
	}
	o.Requantize = true
	f, before := open(t, run(t, direct, o)), open(t, direct)
	for _, x := range f.Tensors() {
		old, err := before.Tensor(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		if old.Type != gguf.Q6_K && old.Type != gguf.Q4_K {
			continue
		}
		original := make([]float32, x.Elements())
		raw := bytesOf(t, open(t, plain), x.Name)
		gguf.DecodeBF16(original, raw)
		if nmse := q8Error(bytesOf(t, f, x.Name), original); nmse > 0.01 || nmse == 0 {
			t.Errorf("%s: error after %v and q8_0 is %v", x.Name, old.Type, nmse)
		}
	}
	for _, c := range []struct {
		o    convert.Options
		want string
	}{
		{convert.Options{Type: "f16", Split: true}, "two-file form"},
		{convert.Options{Type: "f16", Tokenizer: "t"}, "has its tokenizer already"},
		{convert.Options{Type: "f16", Adapters: []convert.Adapter{{Dir: "a", Scale: 1}}}, "adapters are merged when"},
	} {
		if _, err := convert.MakePlan(plain, "x.gguf", c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v, want %q", err, c.want)
		}
	}
}

// q8Error returns the normalized squared error of Q8_0 rows.
func q8Error(raw []byte, want []float32) float64 {
	var diff, sum float64
	for i, v := range want {
		block := raw[i/32*34:]
		scale := make([]float32, 1)
		gguf.DecodeF16(scale, block[:2])
		got := scale[0] * float32(int8(block[2+i%32]))
		diff += math.Pow(float64(got-v), 2)
		sum += float64(v) * float64(v)
	}
	return diff / sum
}

// TestSafety checks the files around a conversion that does not succeed.
func TestSafety(t *testing.T) {
	src := write(t, hf)
	dir := t.TempDir()
	dst := filepath.Join(dir, "out.gguf")
	convertTo := func(ctx context.Context, dst string, o convert.Options) error {
		o.Type = "f16"
		_, err := convert.Run(ctx, src, dst, o)
		return err
	}
	old := []byte("an old file")
	if err := os.WriteFile(dst, old, 0o666); err != nil {
		t.Fatal(err)
	}
	unchanged := func(what string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: %d files are left, want the old one (%v)", what, len(entries), err)
		}
		if data, err := os.ReadFile(dst); err != nil || !bytes.Equal(data, old) {
			t.Errorf("%s: the old file is %.20q, %v", what, data, err)
		}
	}
	if err := convertTo(t.Context(), dst, convert.Options{}); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("an existing output gives %v", err)
	}
	unchanged("existing")

	total := 0
	if err := convertTo(t.Context(), filepath.Join(t.TempDir(), "x"), convert.Options{Progress: func(convert.Progress) { total++ }}); err != nil {
		t.Fatal(err)
	}
	for stop := 0; stop < total; stop += 1 + stop/8 { // interrupted after a chunk of the beginning, the middle, the end
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		o := convert.Options{Force: true, Threads: 2, Progress: func(convert.Progress) {
			if n++; n == stop {
				cancel()
			}
		}}
		if stop == 0 {
			cancel()
		}
		if err := convertTo(ctx, dst, o); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted after %d of %d chunks: %v", stop, total, err)
		}
		unchanged(fmt.Sprintf("interrupted after %d of %d chunks", stop, total))
		cancel()
	}

	for _, input := range []string{"model.safetensors", "config.json", "tokenizer.model"} {
		path := filepath.Join(src, input)
		if err := convertTo(t.Context(), path, convert.Options{Force: true}); err == nil || !strings.Contains(err.Error(), "is an input") {
			t.Errorf("writing to %s gives %v", input, err)
		}
	}
	if err := convertTo(t.Context(), filepath.Join(dir, "missing", "x.gguf"), convert.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder gives %v", err)
	}
	if err := convertTo(t.Context(), dst, convert.Options{Force: true, Verify: true}); err != nil {
		t.Errorf("replacing the old file: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files after success, want 1", len(entries))
	}
}

// patch changes bytes of a checkpoint's file, at an offset in its tensor.
func patch(t *testing.T, path, tensor string, at int, value []byte) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := int(binary.LittleEndian.Uint64(file))
	entry := string(file[8+bytes.Index(file[8:8+n], []byte(`"`+tensor+`"`)) : 8+n])
	var begin int
	if _, err := fmt.Sscanf(entry[strings.Index(entry, `"data_offsets":[`):], `"data_offsets":[%d`, &begin); err != nil {
		t.Fatal(err)
	}
	copy(file[8+n+begin+at:], value)
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestValues checks weights that are no numbers, or too large for their type.
func TestValues(t *testing.T) {
	const tensor = "language_model.model.layers.1.mlp.up_proj.weight"
	at := (3*256 + 5) * 2 // row 3, column 5
	for _, c := range []struct {
		value uint16 // bfloat16
		typ   string
		want  string
	}{
		{0x7fc0, "bf16", "is not finite"}, {0x7fc0, "f32", "is not finite"}, {0xff80, "f16", "is not finite"}, {0x7f80, "q8_0", "is not finite"},
		{0x4780, "f16", "is 65536, too large for f16"}, {0x4a80, "q4_0", "is 4.194304e+06, too large for q4_0"}, {0x4780, "q4_0", ""}, {0x4780, "bf16", ""}, {0x4780, "f32", ""}, {0x477f, "f16", ""},
	} {
		if strings.HasPrefix(c.typ, "q") {
			engine(t)
		}
		src := write(t, hf)
		patch(t, filepath.Join(src, "model.safetensors"), tensor, at, binary.LittleEndian.AppendUint16(nil, c.value))
		dir := t.TempDir()
		_, err := convert.Run(t.Context(), src, filepath.Join(dir, "out.gguf"), convert.Options{Type: c.typ})
		entries, _ := os.ReadDir(dir)
		if c.want == "" {
			if err != nil || len(entries) != 1 {
				t.Errorf("%#x as %s: %v", c.value, c.typ, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "blk.1.ffn_up.weight: row 3, column 5 "+c.want) || !strings.Contains(err.Error(), tensor) {
			t.Errorf("%#x as %s: error is %v, want the place and %q", c.value, c.typ, err, c.want)
		}
		if len(entries) != 0 {
			t.Errorf("%#x as %s: %d files are left", c.value, c.typ, len(entries))
		}
	}
}

// TestUnreadable checks shards and members that end early or are damaged.
func TestUnreadable(t *testing.T) {
	sharded := hf
	sharded.Shards = 3
	src := write(t, sharded)
	shard := filepath.Join(src, "model-00002-of-00003.safetensors")
	if err := os.Truncate(shard, 200_000); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.MakePlan(src, "x.gguf", convert.Options{Type: "f32"}); err == nil || !strings.Contains(err.Error(), shard) || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("a truncated shard gives %v", err)
	}
	if err := os.Remove(shard); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.MakePlan(src, "x.gguf", convert.Options{Type: "f32"}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), shard) {
		t.Errorf("a missing shard gives %v", err)
	}

	for _, deflate := range []bool{false, true} {
		c := npz
		c.Deflate = deflate
		path := write(t, c)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file[len(file)/2] ^= 4
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		_, err = convert.Run(t.Context(), path, filepath.Join(dir, "out.gguf"), convert.Options{Type: "f32"})
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("a flipped bit in a member (deflated: %v) gives %v", deflate, err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("a flipped bit leaves %d files", len(entries))
		}
	}
}

// TestHead accepts an output head that equals the embedding, and no other.
func TestHead(t *testing.T) {
	src := write(t, hf)
	path := filepath.Join(src, "model.safetensors")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 1664 * 256 * 2
	n := int(binary.LittleEndian.Uint64(file))
	data := file[8+n:]
	entry := fmt.Sprintf(`,"language_model.lm_head.weight":{"dtype":"BF16","shape":[1664,256],"data_offsets":[%d,%d]}}`, len(data), len(data)+rows)
	header := strings.TrimSuffix(strings.TrimRight(string(file[8:8+n]), " "), "}") + entry
	head := slices.Clone(data[:rows]) // the embedding comes first
	for _, c := range []struct {
		flip byte
		want string
	}{{0, ""}, {1, "lm_head.weight has other values than"}} {
		head[len(head)-1] ^= c.flip
		whole := slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), []byte(header), data, head)
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := convert.Run(t.Context(), src, filepath.Join(t.TempDir(), "out.gguf"), convert.Options{Type: "f16"})
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v, want %q", err, c.want)
		}
	}
}
