package convert_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

const vae = "../models/tiny/vae.npz"

// masksOf returns type and SHA-256 of a file's mask tensors.
func masksOf(t *testing.T, path string) map[string]string {
	t.Helper()
	list := hashes(t, path)
	maps.DeleteFunc(list, func(name, _ string) bool { return convert.PartOf(name) != convert.Mask })
	return list
}

// TestMasksSurviveConversion follows the decoder through conversion and
// quantizing. The decoder's own golden test checks its values.
func TestMasksSurviveConversion(t *testing.T) {
	src := write(t, hf)
	plain := run(t, src, convert.Options{Type: "f32"})
	full := run(t, src, convert.Options{Type: "f32", MaskDecoder: vae, Verify: true})
	half := run(t, src, convert.Options{Type: "f16", MaskDecoder: vae, Verify: true})
	if n := len(masksOf(t, plain)); n != 0 {
		t.Errorf("%d mask tensors that nobody asked for", n)
	}
	masks := masksOf(t, full)
	if len(masks) != 25 {
		t.Errorf("%d mask tensors, want 25", len(masks))
	}
	for path, typ := range map[string]gguf.Type{full: gguf.F32, half: gguf.F16} {
		f := open(t, path)
		c, err := convert.ReadConfig(f)
		if err != nil || c.MaskWidth != 512 {
			t.Errorf("codebook of width %d (%v), want 512", c.MaskWidth, err)
		}
		for name := range masks {
			if x, err := f.Tensor(name); err != nil || x.Type != typ {
				t.Errorf("%s is %v (%v), want %v", name, x.Type, err, typ)
			}
		}
		want := hashes(t, run(t, src, convert.Options{Type: typ.String()}))
		got := hashes(t, path)
		maps.DeleteFunc(got, func(name, _ string) bool { return convert.PartOf(name) == convert.Mask })
		compare(t, got, want)
	}
	compare(t, masksOf(t, run(t, full, convert.Options{Type: "f16"})), masksOf(t, half))
	compare(t, masksOf(t, run(t, half, convert.Options{Type: "bf16"})), masksOf(t, run(t, half, convert.Options{Type: "f32"})))
	added := run(t, plain, convert.Options{Type: "f32", MaskDecoder: vae, Verify: true})
	compare(t, masksOf(t, added), masks)
	if a, b := len(open(t, added).Keys()), len(open(t, full).Keys()); a != b {
		t.Errorf("%d keys with a decoder added later, %d otherwise", a, b)
	}

	// Types can be chosen for tensors that ggml computes with.
	_, err := convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f32", MaskDecoder: vae, TensorTypes: []string{`mask\..*=q8_0`}})
	wantError(t, "type of a mask tensor", err, "matches no tensor whose type can be chosen")
	_, err = convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f32", MaskDecoder: vae, Split: true})
	wantError(t, "two files", err, "no place for a mask decoder")
	_, err = convert.MakePlan(t.Context(), full, "x.gguf", convert.Options{Type: "f16", MaskDecoder: vae})
	wantError(t, "two decoders", err, "has a mask decoder already")
	own := filepath.Join(t.TempDir(), "vae.npz")
	data, err := os.ReadFile(vae)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, data, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = convert.Run(t.Context(), src, own, convert.Options{Type: "f32", MaskDecoder: own, Force: true})
	wantError(t, "writing over the decoder", err, "is an input of the conversion")
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error is %v, want %q", what, err, want)
	}
}

// TestDamagedMasksAreRefused damages the decoder of a converted file, whose shapes
// the plan must check.
func TestDamagedMasksAreRefused(t *testing.T) {
	path := run(t, write(t, hf), convert.Options{Type: "f32", MaskDecoder: vae})
	for _, c := range []struct {
		name   string
		change func(w *gguf.Writer, x gguf.Tensor) bool // reports whether it added the tensor
		want   string
	}{
		{"missing", func(_ *gguf.Writer, x gguf.Tensor) bool { return x.Name == "mask.decoder.6.bias" }, "1 missing:\n  mask.decoder.6.bias [64]"},
		{"another", func(w *gguf.Writer, x gguf.Tensor) bool {
			if x.Name == "mask.codebook" {
				w.AddTensor("mask.decoder.7.bias", gguf.F32, 1)
			}
			return false
		}, "1 unexpected:\n  mask.decoder.7.bias"},
		{"shape", func(w *gguf.Writer, x gguf.Tensor) bool {
			if x.Name == "mask.codebook" {
				w.AddTensor(x.Name, gguf.F32, 512, 127)
			}
			return x.Name == "mask.codebook"
		}, "mask.codebook [127 512], want [128 512]"},
		{"type", func(w *gguf.Writer, x gguf.Tensor) bool {
			if x.Name == "mask.codebook" {
				w.AddTensor(x.Name, gguf.BF16, x.Shape...)
			}
			return x.Name == "mask.codebook"
		}, "mask.codebook is bf16, want f32 or f16"},
	} {
		in := open(t, path)
		var b bytes.Buffer
		w := gguf.NewWriter(&b)
		for _, k := range in.Keys() {
			v, err := in.Value(k.Name)
			if err != nil {
				t.Fatal(err)
			}
			w.Add(k.Name, v)
		}
		for _, x := range in.Tensors() {
			if !c.change(w, x) {
				w.AddTensor(x.Name, x.Type, x.Shape...)
			}
		}
		if err := w.WriteHeader(); err != nil {
			t.Fatal(err)
		}
		file := append(b.Bytes(), make([]byte, in.Size())...) // the plan does not read the values
		bad := filepath.Join(t.TempDir(), "bad.gguf")
		if err := os.WriteFile(bad, file, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := convert.MakePlan(t.Context(), bad, "x.gguf", convert.Options{Type: "f16"})
		wantError(t, c.name, err, c.want)
	}
}

// TestOtherFilesAreNoMaskDecoder gives files that hold no decoder.
func TestOtherFilesAreNoMaskDecoder(t *testing.T) {
	src := write(t, hf)
	text := filepath.Join(t.TempDir(), "vae.npz")
	if err := os.WriteFile(text, []byte("no archive"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"absent.npz":  "mask decoder: open absent.npz: ",
		text:          text + ": zip: not a valid zip file",
		write(t, npz): "the tensors do not fit a mask decoder:\n25 missing:\n  _vq_vae._embedding [128 512]",
	} {
		_, err := convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f16", MaskDecoder: path})
		wantError(t, path, err, want)
	}
}
