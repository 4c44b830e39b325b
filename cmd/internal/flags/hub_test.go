package flags

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/hub"
)

// TestChooseGGUF has llama.cpp's choice among the files of a repository.
func TestChooseGGUF(t *testing.T) {
	files := []string{"README.md", "mmproj-f16.gguf", "mmproj-q8_0.gguf", "x-f16.gguf", "x-q4_k_m.gguf", "x-Q8_0.gguf", "sub/y-q2_k.gguf", "sub/y.mmproj-f32.gguf", "z-bf16-00001-of-00002.gguf", "x.imatrix.gguf"}
	var list []hub.File
	for _, f := range files {
		list = append(list, hub.File{Path: f})
	}
	for _, c := range []struct{ typ, file, want, projector string }{
		{"", "", "x-q4_k_m.gguf", "mmproj-f16.gguf"},
		{"Q8_0", "", "x-Q8_0.gguf", "mmproj-f16.gguf"},
		{"f16", "", "x-f16.gguf", "mmproj-f16.gguf"},
		{"q2_k", "", "sub/y-q2_k.gguf", "sub/y.mmproj-f32.gguf"},
		{"", "x-f16.gguf", "x-f16.gguf", "mmproj-f16.gguf"},
	} {
		text, projector, err := chooseGGUF(list, hub.Name{Type: c.typ}, c.file)
		if err != nil || !slices.Equal(text, []string{c.want}) || projector != c.projector {
			t.Errorf("%+v: %q, %q, %v", c, text, projector, err)
		}
	}
	for _, c := range []struct{ typ, file, want string }{{"q3_k", "", "no GGUF file of type q3_k"}, {"", "no.gguf", "no file"}} {
		if _, _, err := chooseGGUF(list, hub.Name{Type: c.typ}, c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if text, _, err := chooseGGUF(list, hub.Name{Type: "bf16"}, ""); err != nil || !slices.Equal(text, []string{"z-bf16-00001-of-00002.gguf", "z-bf16-00002-of-00002.gguf"}) {
		t.Errorf("split: %q, %v", text, err)
	}
	if text, _, err := chooseGGUF(list[:2], hub.Name{}, ""); text != nil || err != nil {
		t.Errorf("without GGUF files: %q, %v", text, err)
	}
}
