package paligemma

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testrace"
	"github.com/pgcli/paligemma/kernels"
)

// An errand is a question whose answer is known.
type errand struct {
	picture int // of the pictures encoded; -1 for none
	prompt  Prompt
	Sampling
	want []Token
	stop Stop
}

// scenes reads some of the pictures that the embedded model knows.
func scenes(t *testing.T, n int) (list []image.Image) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("cmd", "pgcli", "demo", "*.jpg"))
	must(t, err)
	for _, path := range files[:n] {
		f, err := os.Open(path)
		must(t, err)
		img, err := jpeg.Decode(f)
		must(t, err)
		must(t, f.Close())
		list = append(list, img)
	}
	return list
}

// errands returns questions of all kinds, each a number of times, with the answers
// that a session alone gives.
func errands(t *testing.T, m *Model, images []*Image, times int) (list []errand) {
	t.Helper()
	detect, segment := Detect("star", "circle"), Segment("square")
	for i := range times {
		seed := uint64(i)
		for _, e := range []errand{
			{prompt: Caption("en")},
			{prompt: detect, Sampling: Sampling{Grammar: detect.Grammar(), MaxTokens: 30}},
			{prompt: segment, Sampling: Sampling{Grammar: segment.Grammar()}},
			{prompt: "count star", Sampling: Sampling{Temperature: 1.5, Seed: seed, MaxTokens: 5 + i}},
			{prompt: OCR(), Sampling: Sampling{Temperature: 1, TopK: 20, Seed: seed, MaxTokens: 12}},
			{prompt: detect, Sampling: Sampling{Temperature: 2, TopP: 0.9, Seed: seed, Grammar: detect.Grammar(), MaxTokens: 20}},
			{prompt: "", Sampling: Sampling{MaxTokens: 40, Forbidden: []int32{m.EOS()}}},
		} {
			e.picture = i%(len(images)+1) - 1
			list = append(list, e)
		}
	}
	s := newSession(t, m)
	for i := range list {
		e := &list[i]
		r, err := s.Run(t.Context(), e.images(images), e.prompt, &e.Sampling)
		must(t, err)
		e.want, e.stop = r.Tokens, r.Stop
	}
	must(t, s.Close())
	return list
}

func (e errand) images(all []*Image) []*Image {
	if e.picture < 0 {
		return nil
	}
	return all[e.picture : e.picture+1]
}

// sameTokens compares ids, log-probabilities and spreads to the bit.
func sameTokens(a, b []Token) bool {
	return slices.EqualFunc(a, b, func(x, y Token) bool {
		return x.ID == y.ID && x.Text == y.Text &&
			math.Float32bits(x.LogProb) == math.Float32bits(y.LogProb) && math.Float32bits(x.Spread) == math.Float32bits(y.Spread)
	})
}

// TestAloneOrInCompany has 32 goroutines ask, leave early, cancel, encode
// pictures and close sessions: every answer is that of a session alone, to the
// bit, at every level.
func TestAloneOrInCompany(t *testing.T) {
	for _, level := range kernels.Levels() {
		if level.BFloats() {
			continue // computes the tiny model, which has no BF16 products, as AVX512VNNI does
		}
		for _, precise := range []bool{false, true} {
			t.Run(fmt.Sprint(level, precise), func(t *testing.T) {
				m := openTiny(t, Options{Kernels: level.String(), Precise: precise, Parallel: 12, Patience: time.Millisecond})
				if testrace.Slowness > 1 {
					company(t, m, 8, 4)
				} else {
					company(t, m, 24, 12)
				}
			})
		}
	}
}

// TestAloneOrInCompanyAtFullSize is the same for the model in a file, by the
// variable's name: make test-full MODEL=FILE.
func TestAloneOrInCompanyAtFullSize(t *testing.T) {
	path := os.Getenv("PALIGEMMA_TEST_MODEL")
	if path == "" {
		t.Skip("PALIGEMMA_TEST_MODEL names no GGUF file")
	}
	company(t, open(t, path, Options{Threads: 2, Parallel: 12}), 3, 2)
}

// company has 32 goroutines run a number of errands each, of a list with every
// kind a number of times.
func company(t *testing.T, m *Model, kinds, each int) {
	pictures := scenes(t, 3)
	images := encodeAll(t, m, pictures)
	list := errands(t, m, images, kinds)
	var all sync.WaitGroup
	for i := range 32 {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		all.Go(func() {
			for range each {
				keepCompany(t, m, images, list[r.IntN(len(list))], r)
			}
			n := r.IntN(len(pictures))
			img, err := m.Encode(t.Context(), pictures[n])
			if err != nil || !slices.Equal(img.tokens, images[n].tokens) {
				t.Errorf("picture %d is another in company: %v", n, err)
			}
		})
	}
	all.Wait()
}

// keepCompany runs an errand in one of several ways.
func keepCompany(t *testing.T, m *Model, images []*Image, e errand, r *rand.Rand) {
	s, err := m.NewSession()
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	way := r.IntN(4)
	if way == 3 {
		time.AfterFunc(time.Duration(r.IntN(20))*time.Millisecond, cancel)
	}
	var got []Token
	if err = s.Prefill(ctx, e.images(images), e.prompt); err == nil {
		most := math.MaxInt
		if way == 2 { // leave early
			most = r.IntN(len(e.want) + 1)
		}
		for x, e := range s.Tokens(ctx, &e.Sampling) {
			if e != nil {
				err = e
				break
			}
			if x.ID != NoID {
				got = append(got, x)
			}
			if len(got) == most {
				break
			}
		}
	}
	switch {
	case way == 3 && errors.Is(err, context.Canceled):
	case err != nil:
		t.Error(err)
		return
	case way < 2 && (s.Stopped() != e.stop || len(got) != len(e.want)):
		t.Errorf("%q: %d tokens, stopped for %s, want %d for %s", e.prompt, len(got), s.Stopped(), len(e.want), e.stop)
	}
	if !sameTokens(got, e.want[:min(len(got), len(e.want))]) {
		t.Errorf("%q, %+v: in company\n%v, alone\n%v", e.prompt, e.Sampling, got, e.want)
	}
}
