package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/internal/testrace"
	"github.com/pgcli/paligemma/kernels"
)

var (
	mutants     = flag.Int("mutants", 240, "TestHostileModels: how many files")
	mutantsSeed = flag.Uint64("mutants.seed", 1, "TestHostileModels: seed of all files")
	mutant      = flag.Int("mutant", -1, "TestHostileModels: try only this file, and keep it")

	// A trial opens a file, and answers twice, at each of its levels. make soak allows 10 s,
	// which a machine with other work exceeds now and then.
	slow = flag.Duration("mutants.slow", time.Minute, "TestHostileModels: how long one file may take at a level")
)

// leaks matches errors that tell of the program, not of the file.
var leaks = regexp.MustCompile(`runtime error|panic|nil pointer|out of range \[|slice bounds|goroutine|%!|interface conversion|reflect|unmarshal`)

// TestHostileModels changes valid files of models with knowledge of their structure, and
// has a child process use each with info, Open, Run and Segment: no use ends the
// process or takes longer than allowed, and each gives an answer, or an error that is about the file.
// A file whose parts are only in another order gives the same answer.
func TestHostileModels(t *testing.T) {
	c := &trials{engine: testmodel.Engine(t)}
	if c.engine == "" {
		c.engine = "built-in"
	}
	t.Cleanup(c.close)
	levels := []string{"off"}
	for _, l := range kernels.Levels() {
		levels = append(levels, l.String())
	}
	few := *mutants <= 1000 // each file at one level
	n := *mutants
	if few {
		n /= testrace.Alike()
	}
	if few && testing.Short() {
		n /= 8
	}
	dir := t.TempDir()
	sources := hostileSources(t)
	answers, refused := map[string][]use{}, 0
	for i := range n {
		if *mutant >= 0 && i != *mutant {
			continue
		}
		r := rand.New(rand.NewPCG(*mutantsSeed, uint64(i)))
		s := sources[r.IntN(len(sources))]
		x := trial{Levels: levels, Threads: 1 + r.IntN(2), Type: s.typ}
		if few {
			x.Levels = levels[i%len(levels):][:1]
		}
		what, same := s.make(t, r, filepath.Join(dir, "mutant"), &x)
		found, err := c.try(x, *slow*testrace.Slowness*time.Duration(len(x.Levels)))
		about := fmt.Sprintf("%s, %s (-mutants.seed %d -mutant %d)", s.name, what, *mutantsSeed, i)
		if err != nil {
			t.Errorf("%s: %v", about, err)
			continue
		}
		for _, f := range found {
			if f.Err != "" {
				refused++
			}
			if leaks.MatchString(f.Err) || len(f.Err) > 1<<14 {
				t.Errorf("%s: %s: error %.500q", about, f.Use, f.Err)
			}
		}
		if same {
			key := fmt.Sprint(s.name, x.Levels)
			if answers[key] == nil {
				s.whole(t, filepath.Join(dir, "whole"), &x)
				answers[key], err = c.try(x, *slow*testrace.Slowness*time.Duration(len(x.Levels)))
				must(t, err)
			}
			if !slices.Equal(found, answers[key]) {
				t.Errorf("%s: %v, want as of the file unchanged\n%v", about, found, answers[key])
			}
		}
		if *mutant >= 0 {
			must(t, os.CopyFS(filepath.Join(os.TempDir(), "mutant"), os.DirFS(dir)))
			t.Logf("%s\n%+v\n%+v", about, x, found)
		}
	}
	t.Logf("seed %d: %d files, %d uses refused", *mutantsSeed, n, refused)
}

// A hostileSource makes variants of a valid file or folder.
type hostileSource struct {
	name string
	typ  string // to convert to; "" for GGUF files
	make func(t *testing.T, r *rand.Rand, path string, x *trial) (what string, same bool)
	// whole writes the file unchanged.
	whole func(t *testing.T, path string, x *trial)
}

// hostileSources are files of every family, form and kind of weights.
func hostileSources(t *testing.T) (all []hostileSource) {
	for _, f := range []struct{ checkpoint, typ string }{
		{"pg1-a", "f32"}, {"pg1-b", "q8_0"}, {"pg1-c", "bf16"}, {"pg2-a", "q4_k_m"}, {"pg2-b", "f16"}, {"pg2-c", "q4_0"},
	} {
		file := testmodel.Read(t, testmodel.Convert(t, f.checkpoint, convert.Options{Type: f.typ}))
		all = append(all, modelSource(t, f.checkpoint+" "+f.typ, file))
	}
	file := filepath.Join(t.TempDir(), "masks.gguf")
	_, err := convert.Run(t.Context(), testmodel.Oracle("pg1-a"), file, convert.Options{
		Type: "q8_0", MaskDecoder: testmodel.Path("models", "tiny", "vae.npz"), Engine: testmodel.Engine(t)})
	must(t, err)
	all = append(all, modelSource(t, "masks", testmodel.Read(t, file)))
	for _, family := range []convert.Family{convert.Gemma, convert.Gemma2} {
		for _, format := range []convert.Format{convert.HuggingFace, convert.BigVision} {
			dir := t.TempDir()
			must(t, synthetic.Checkpoint{Dims: synthetic.Tiny(family), Format: format, Type: gguf.BF16, Seed: 7, New: family == convert.Gemma2}.Write(dir))
			all = append(all, folderSource(t, fmt.Sprint("synthetic ", family, " ", format), dir, format == convert.BigVision))
		}
	}
	return all
}

// modelSource changes a GGUF file.
func modelSource(t *testing.T, name string, file []byte) hostileSource {
	parts := testmodel.TakeApart(t, file)
	head := len(file)
	for _, x := range parts.Tensors {
		head -= len(parts.Data[x.Name])
	}
	write := func(t *testing.T, path string, x *trial, file []byte) {
		x.Source = path + ".gguf"
		must(t, os.WriteFile(x.Source, file, 0o600))
	}
	return hostileSource{name: name,
		make: func(t *testing.T, r *rand.Rand, path string, x *trial) (string, bool) {
			for r.IntN(4) > 0 {
				p := parts.Clone()
				what, same := p.Mutate(r)
				for range r.IntN(2) * r.IntN(3) {
					more, harmless := p.Mutate(r)
					what, same = what+"; "+more, same && harmless
				}
				if mutated, err := p.Build(); err == nil {
					write(t, path, x, mutated)
					return what, same
				}
			}
			damaged, what := testmodel.Damage(r, file, head)
			write(t, path, x, damaged)
			return what, false
		},
		whole: func(t *testing.T, path string, x *trial) { write(t, path, x, file) },
	}
}

// folderSource changes one file of a checkpoint, or of an adapter merged into it.
func folderSource(t *testing.T, name, dir string, npz bool) hostileSource {
	adapter := testmodel.Path("convert", "testdata", "adapter")
	return hostileSource{name: name, typ: "q8_0", make: func(t *testing.T, r *rand.Rand, path string, x *trial) (string, bool) {
		must(t, os.RemoveAll(path))
		must(t, os.CopyFS(path, os.DirFS(dir)))
		x.Source = path
		if npz {
			x.Source = filepath.Join(path, "model.npz")
		}
		files, err := filepath.Glob(filepath.Join(path, "*"))
		must(t, err)
		if strings.Contains(name, "gemma ") && r.IntN(3) == 0 {
			x.Adapter = filepath.Join(path, "lora")
			must(t, os.CopyFS(x.Adapter, os.DirFS(adapter)))
			files, err = filepath.Glob(filepath.Join(x.Adapter, "*"))
			must(t, err)
		}
		file := files[r.IntN(len(files))]
		damaged, what := testmodel.Damage(r, testmodel.Read(t, file), 6000)
		must(t, os.WriteFile(file, damaged, 0o600))
		x.Type = []string{"q8_0", "bf16", "q4_0"}[r.IntN(3)]
		return filepath.Base(file) + ": " + what, false
	}}
}
