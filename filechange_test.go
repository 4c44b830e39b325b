package paligemma

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testctx"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// copyModel copies a model's file, to change it.
func copyModel(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(testmodel.Convert(t, "pg1-a", convert.Options{Type: "f32"}))
	must(t, err)
	path := filepath.Join(t.TempDir(), "model.gguf")
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// TestFileChanges: a file that is shortened or written to while its model is open
// makes calls fail, or, with NoMmap, changes nothing. Neither ends the process, which
// touching a page beyond the end of a mapped file does.
func TestFileChanges(t *testing.T) {
	changes := map[string]func(path string) error{
		"shortened": func(path string) error { return os.Truncate(path, 4096) },
		"overwritten": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(make([]byte, 1<<20), 1<<16)
			later := time.Now().Add(time.Second) // the clock of a file system is coarse
			return errors.Join(err, f.Close(), os.Chtimes(path, later, later))
		},
	}
	q := readQuestion(t, "pg1-a")
	for name, change := range changes {
		for _, kernels := range []string{"auto", "off"} {
			for _, noMmap := range []bool{false, true} {
				path := copyModel(t)
				m := open(t, path, Options{NoMmap: noMmap, Kernels: kernels})
				if !noMmap && !m.mapped {
					t.Skip("files are not mapped on this system")
				}
				s := newSession(t, m)
				run := func() (*Result, error) { return m.Run(t.Context(), q.pictures[0], q.prompt, &Sampling{MaxTokens: 4}) }
				want, err := run()
				must(t, err)
				must(t, s.Prefill(t.Context(), encodeAll(t, m, q.pictures), q.prompt))
				must(t, change(path))
				got, err := run()
				_, sessionErr := s.Logits(t.Context())
				switch {
				case noMmap && (err != nil || sessionErr != nil || got.Text != want.Text):
					t.Errorf("%s, kernels %s, read: %q, %v, %v, want %q", name, kernels, got.Text, err, sessionErr, want.Text)
				case !noMmap && (!errors.Is(err, ErrFileChanged) || !errors.Is(sessionErr, ErrFileChanged) || !strings.Contains(err.Error(), path)):
					t.Errorf("%s, kernels %s, mapped: errors %v and %v", name, kernels, err, sessionErr)
				}
			}
		}
	}
}

// TestNoMmapComputesTheSame compares logits with those of the mapped file, to the bit.
func TestNoMmapComputesTheSame(t *testing.T) {
	path := copyModel(t)
	q := readQuestion(t, "pg1-a")
	for _, kernels := range []string{"auto", "off"} {
		var all [][]float32
		for _, noMmap := range []bool{false, true} {
			m := open(t, path, Options{NoMmap: noMmap, Kernels: kernels})
			if !noMmap && !m.mapped {
				t.Skip("files are not mapped on this system")
			}
			s := newSession(t, m)
			must(t, s.Prefill(t.Context(), encodeAll(t, m, q.pictures), q.prompt))
			logits, err := s.Logits(t.Context())
			must(t, err)
			all = append(all, logits)
			if noMmap && m.mapped {
				t.Error("mapped, in spite of NoMmap")
			}
		}
		for i := range all[0] {
			if all[0][i] != all[1][i] {
				t.Fatalf("kernels %s: logit %d is %v mapped, %v read", kernels, i, all[0][i], all[1][i])
			}
		}
	}
}

// TestOpenContextEnds: a context that ends stops the opening, with its cause, and
// leaves nothing.
func TestOpenContextEnds(t *testing.T) {
	path := copyModel(t)
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	if _, err := OpenContext(ctx, path, &Options{Engine: anyEngine(t)}); !errors.Is(err, enough) {
		t.Errorf("error %v, want %v", err, enough)
	}
	f, err := gguf.Open(t.Context(), path)
	must(t, err)
	defer f.Close()
	list, err := specs(ctx, f) // as if ctx had ended while weights are copied
	must(t, err)
	if err := list[0].Read(make([]byte, 4), 0); !errors.Is(err, enough) {
		t.Errorf("reading a weight: error %v, want %v", err, enough)
	}
}

// TestOpenContextReadsNoLongHeader: a context that ends while the header of a file is read,
// the model's or the vision tower's, stops the opening there.
func TestOpenContextReadsNoLongHeader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.gguf")
	w, err := gguf.Create(path)
	must(t, err)
	defer w.Close()
	w.Add("long", make([]bool, 1<<20))
	must(t, errors.Join(w.WriteHeader(), w.Commit()))
	for model, projector := range map[string]string{path: "", copyModel(t): path} {
		ctx := testctx.New(t.Context(), 12) // of the 16 blocks of 64 KiB
		if _, err := OpenContext(ctx, model, &Options{Engine: anyEngine(t), Projector: projector}); !errors.Is(err, context.Canceled) {
			t.Errorf("model %s: error %v, want %v", filepath.Base(model), err, context.Canceled)
		}
	}
}
