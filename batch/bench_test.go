package batch_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
)

// BenchmarkFolder compares a batch about a folder of 48 pictures with sessions that get
// the same pictures from memory, decoded: the difference is the cost of files, JPEG and
// records.
func BenchmarkFolder(b *testing.B) {
	m := open(b)
	var files batch.Files
	var pictures []image.Image
	dir := b.TempDir()
	for i := range 48 {
		data, err := os.ReadFile(fmt.Sprintf(scenes, numbers[i%len(numbers)]))
		must(b, err)
		files = append(files, filepath.Join(dir, fmt.Sprintf("%02d.jpg", i)))
		must(b, os.WriteFile(files[i], data, 0o644))
		img, err := m.ReadImage(bytes.NewReader(data))
		must(b, err)
		pictures = append(pictures, img)
	}
	opts := options()
	opts.Prompts = opts.Prompts[1:]
	b.Run("batch", func(b *testing.B) {
		for b.Loop() {
			_, err := runSources(b, m, filepath.Join(b.TempDir(), "out.jsonl"), opts, files)
			must(b, err)
		}
	})
	b.Run("sessions", func(b *testing.B) {
		for b.Loop() {
			ask(b, m, opts, pictures)
		}
	})
}

// ask asks the first prompt about pictures, with as many sessions as a run has.
func ask(b *testing.B, m *paligemma.Model, opts *batch.Options, pictures []image.Image) {
	ctx, p := context.Background(), opts.Prompts[0]
	next := make(chan image.Image)
	var all sync.WaitGroup
	for range opts.Parallel {
		s, err := m.NewSession()
		must(b, err)
		defer s.Close()
		all.Go(func() {
			for img := range next {
				encoded, err := m.Encode(ctx, img)
				if err == nil {
					_, err = s.Run(ctx, []*paligemma.Image{encoded}, p, opts.Sampling(p))
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, img := range pictures {
		next <- img
	}
	close(next)
	all.Wait()
}
