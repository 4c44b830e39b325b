package convert_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

// TestEndsReachTheFile: a checkpoint's ends of answers are in the file, in the text half
// of two files, and in the file that is made of both.
func TestEndsReachTheFile(t *testing.T) {
	src := write(t, hf)
	if err := os.WriteFile(filepath.Join(src, "generation_config.json"), []byte(`{"eos_token_id": [1, 9, 5]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	check := func(path string) {
		t.Helper()
		ids, err := gguf.Get[[]int32](open(t, path), "tokenizer.paligemma.end_ids")
		if err != nil || !slices.Equal(ids, []int32{5, 9}) {
			t.Errorf("%s: end_ids %v, error %v, want 5 and 9", filepath.Base(path), ids, err)
		}
	}
	check(run(t, src, convert.Options{Type: "bf16"}))
	dst := filepath.Join(t.TempDir(), "half.gguf")
	plan, err := convert.MakePlan(t.Context(), src, dst, convert.Options{Type: "bf16", Split: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := convert.Run(t.Context(), src, dst, convert.Options{Type: "bf16", Split: true}); err != nil {
		t.Fatal(err)
	}
	text, tower := plan.Outputs[0].Path, plan.Outputs[1].Path
	check(text)
	whole := filepath.Join(t.TempDir(), "whole.gguf")
	if _, err := convert.Run(t.Context(), text, whole, convert.Options{Type: "bf16", Projector: tower}); err != nil {
		t.Fatal(err)
	}
	check(whole)
}

// TestPlanningEndsWithItsContext: of a folder, and of a GGUF file, nothing is planned once
// the context is over.
func TestPlanningEndsWithItsContext(t *testing.T) {
	src := write(t, hf)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	for _, src := range []string{src, run(t, src, convert.Options{Type: "bf16"})} {
		if _, err := convert.MakePlan(ctx, src, "x.gguf", convert.Options{Type: "bf16"}); !errors.Is(err, enough) {
			t.Errorf("%s: error %v, want %v", filepath.Base(src), err, enough)
		}
	}
}
