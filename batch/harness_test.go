package batch_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/models"
)

// scenes are pictures of drawn shapes, which the embedded model knows.
const scenes = "../cmd/pgcli/demo/scene-%s.jpg"

var numbers = []string{"05", "08", "21", "26", "37"}

var identity = batch.Identity{Model: "tiny", Settings: []batch.Setting{{Name: "--predict", Value: "12"}}}

// open opens the embedded model.
func open(t testing.TB) *paligemma.Model {
	t.Helper()
	m, err := paligemma.New(models.Tiny(), &paligemma.Options{Engine: paligemma.EngineOptions{Library: testmodel.Engine(t)}, Threads: 1})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
}

// folder fills a folder with scenes, named by their numbers.
func folder(t testing.TB, numbers ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range numbers {
		addScene(t, dir, n)
	}
	return dir
}

func addScene(t testing.TB, dir, number string) {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf(scenes, number))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, number+".jpg"), data, 0o644))
}

// options ask for a short answer to each of two prompts.
func options() *batch.Options {
	return &batch.Options{
		Prompts:  []paligemma.Prompt{"detect circle", "caption en"},
		Sampling: func(paligemma.Prompt) *paligemma.Sampling { return &paligemma.Sampling{MaxTokens: 12} },
		Parallel: 3,
	}
}

// run runs over a folder.
func run(t testing.TB, m *paligemma.Model, dir, path string, opts *batch.Options) (*batch.Report, error) {
	t.Helper()
	return runSources(t, m, path, opts, batch.Folder(dir))
}

func runSources(t testing.TB, m *paligemma.Model, path string, opts *batch.Options, sources ...batch.Source) (*batch.Report, error) {
	t.Helper()
	out, err := batch.Open(t.Context(), path, identity, false)
	must(t, err)
	report, err := batch.Run(t.Context(), m, out, sources, opts)
	return report, errors.Join(err, out.Close())
}

// whole runs without a failure and returns the file without times.
func whole(t testing.TB, m *paligemma.Model, dir, path string) string {
	t.Helper()
	_, err := run(t, m, dir, path, options())
	must(t, err)
	return timeless(t, path)
}

// timeless returns a file of records without times.
func timeless(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(regexp.MustCompile(`"(encode_ns|prefill_ns|decode_ns)":[0-9.]+,?|,"ms":[0-9.]+`).ReplaceAll(data, nil))
}

// records reads a file of records.
func records(t testing.TB, path string) (all []*record.Record) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	for r, err := range record.NewReader(f, path).All() {
		must(t, err)
		all = append(all, r)
	}
	return all
}

// items is a source of given items.
type items []batch.Item

func (s items) Items(context.Context) iter.Seq2[batch.Item, error] {
	return func(yield func(batch.Item, error) bool) {
		for _, item := range s {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
