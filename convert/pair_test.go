package convert_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
)

// mmproj returns the path of the projector beside a text half.
func mmproj(text string) string {
	return filepath.Join(filepath.Dir(text), "mmproj-"+filepath.Base(text))
}

// TestPairEqualsOneFile quantizes a model in two files and the same model in one:
// the results have the same bytes.
func TestPairEqualsOneFile(t *testing.T) {
	engine(t)
	for family, format := range map[convert.Family]convert.Format{convert.Gemma: convert.HuggingFace, convert.Gemma2: convert.BigVision} {
		src := write(t, synthetic.Checkpoint{Dims: synthetic.Tiny(family), Format: format, Type: gguf.BF16, Seed: 3})
		one := run(t, src, convert.Options{Type: "bf16", Name: "a name"})
		text := run(t, src, convert.Options{Type: "bf16", Name: "a name", Split: true})
		for _, o := range []convert.Options{
			{Type: "bf16"}, {Type: "q4_k_m"}, {Type: "q8_0", VisionType: "f16", EmbeddingType: "f16", Verify: true},
			{Type: "f16", Name: "another", Resample: "bilinear"},
		} {
			want := read(t, run(t, one, o))
			o.Projector = mmproj(text)
			if got := read(t, run(t, text, o)); !bytes.Equal(got, want) {
				t.Errorf("%s %s %s: the file of %d bytes differs from that of the one file, %d bytes", family, format, o.Type, len(got), len(want))
			}
		}
		o := convert.Options{Type: "f32", MaskDecoder: filepath.Join("..", "models", "tiny", "vae.npz")} // a key in another place
		want := run(t, one, o)
		o.Projector = mmproj(text)
		got := run(t, text, o)
		compare(t, hashes(t, got), hashes(t, want))
		a, errA := convert.ReadConfig(open(t, got))
		if b, errB := convert.ReadConfig(open(t, want)); a != b || errors.Join(errA, errB) != nil || a.MaskWidth == 0 {
			t.Errorf("config with masks is %+v (%v), want %+v (%v)", a, errA, b, errB)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestStrangeHalvesAreRefused gives halves that do not belong together, and files
// that are no halves.
func TestStrangeHalvesAreRefused(t *testing.T) {
	seed := uint64(3)
	split := func(dims convert.Dims, name string) string {
		src := write(t, synthetic.Checkpoint{Dims: dims, Format: convert.HuggingFace, Type: gguf.BF16, Seed: seed})
		return run(t, src, convert.Options{Type: "bf16", Name: name, Split: true})
	}
	dims, wide, first := synthetic.Tiny(convert.Gemma2), synthetic.Tiny(convert.Gemma2), synthetic.Tiny(convert.Gemma)
	wide.Width *= 2
	text, other, wider, elder := split(dims, "mix"), split(dims, "other"), split(wide, "mix"), split(first, "mix")
	seed = 4
	twin := split(dims, "mix") // of the same name and sizes, with other weights
	whole := run(t, write(t, hf), convert.Options{Type: "bf16"})
	for _, c := range []struct {
		src  string
		o    convert.Options
		want []string
		is   error
	}{
		{text, convert.Options{}, []string{text, `general.architecture is "gemma2"`}, convert.ErrHalf},
		{mmproj(text), convert.Options{}, []string{mmproj(text), `general.architecture is "clip"`}, convert.ErrHalf},
		{text, convert.Options{Projector: "nowhere.gguf"}, []string{"projector: ", "nowhere.gguf"}, fs.ErrNotExist},
		{text, convert.Options{Projector: mmproj(other)}, []string{`general.name is "other", want "mix"`, mmproj(other), text}, nil},
		{text, convert.Options{Projector: mmproj(wider)}, []string{"projector to width 512 for a decoder of width 256", mmproj(wider)}, nil},
		{text, convert.Options{Projector: mmproj(twin)}, []string{"paligemma.pair is ", "halves of different models", mmproj(twin)}, nil},
		{text, convert.Options{Projector: mmproj(elder)}, []string{`clip.projector_type is "paligemma", want "paligemma2"`}, nil},
		{text, convert.Options{Projector: text}, []string{`general.architecture is "gemma2", want "clip"`}, nil},
		{mmproj(text), convert.Options{Projector: mmproj(text)}, []string{`general.architecture is "clip", want "gemma" or "gemma2"`}, nil},
		{whole, convert.Options{Projector: mmproj(text)}, []string{`general.architecture is "paligemma", want "gemma" or "gemma2"`}, nil},
		{write(t, hf), convert.Options{Projector: mmproj(text)}, []string{"goes with the text half", "huggingface"}, nil},
		{text, convert.Options{Projector: mmproj(text), Split: true}, []string{"from the original checkpoint"}, nil},
	} {
		c.o.Type = "q8_0"
		_, err := convert.MakePlan(t.Context(), c.src, "x.gguf", c.o)
		if err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s with %s: error %v, want %v", c.src, c.o.Projector, err, c.is)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s with %s: error %q has no %q", c.src, c.o.Projector, err, want)
			}
		}
	}
	// A name for the whole says that they do belong together.
	if _, err := convert.MakePlan(t.Context(), text, "x.gguf", convert.Options{Type: "q8_0", Projector: mmproj(other), Name: "mine"}); err != nil {
		t.Error(err)
	}
	if _, err := convert.Run(t.Context(), text, mmproj(text), convert.Options{Type: "f16", Projector: mmproj(text), Force: true}); err == nil || !strings.Contains(err.Error(), "is an input") {
		t.Errorf("the projector is written over: %v", err)
	}
}
