package paligemma

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestMemoryIsWhatSessionsHold compares Memory with the stores themselves, before
// and after answers.
func TestMemoryIsWhatSessionsHold(t *testing.T) {
	for _, kernels := range []string{"auto", "off"} {
		m := open(t, testmodel.Convert(t, "pg2-b", convert.Options{Type: "q8_0"}), Options{Kernels: kernels})
		before, err := m.Memory(t.Context())
		must(t, err)
		q := readQuestion(t, "pg2-b")
		a, b := newSession(t, m), newSession(t, m)
		answer(t, a, encodeAll(t, m, q.pictures), q.prompt, &Sampling{MaxTokens: 4})
		after, err := m.Memory(t.Context())
		must(t, err)
		if before.Sessions != 0 || after.Sessions != 2 || before.Session != after.Session {
			t.Errorf("%s: %+v before two sessions, then %+v", kernels, before, after)
		}
		if got := b.sequence.Bytes(); got != after.Session {
			t.Errorf("%s: a session holds %d bytes, Memory says %d", kernels, got, after.Session)
		}
		weights := 0
		for _, store := range m.stores {
			weights += store.Bytes()
		}
		if after.Weights != weights || m.Config().WeightBytes != weights {
			t.Errorf("%s: weights of %d bytes, Memory says %d and Config %d", kernels, weights, after.Weights, m.Config().WeightBytes)
		}
		if after.Weights <= 0 || after.Steps <= before.Steps || after.Picture <= 0 || after.Prompt <= 0 {
			t.Errorf("%s: %+v", kernels, after)
		}
	}
}

// TestMemoryEndsWithItsContext: neither waits for others, or for a file, whose caller has left.
func TestMemoryEndsWithItsContext(t *testing.T) {
	file, left := testmodel.Convert(t, "pg1-a", convert.Options{Type: "q8_0"}), errors.New("the caller left")
	m := open(t, file, Options{})
	ctx, leave := context.WithCancelCause(t.Context())
	leave(left)
	if size, err := m.Memory(ctx); !errors.Is(err, left) || size != (Memory{}) {
		t.Errorf("Memory: %+v, error %v, want %v", size, err, left)
	}
	if size, err := Estimate(ctx, file, &Options{Engine: anyEngine(t)}, 1); !errors.Is(err, left) || size != (Memory{}) {
		t.Errorf("Estimate: %+v, error %v, want %v", size, err, left)
	}
}

// TestCacheMemory refuses the session that does not fit, until another closes.
func TestCacheMemory(t *testing.T) {
	file := testmodel.Convert(t, "pg1-a", convert.Options{Type: "q8_0"})
	size, err := open(t, file, Options{}).Memory(t.Context())
	must(t, err)
	m := open(t, file, Options{CacheMemory: 2*size.Session + 1})
	a, b := newSession(t, m), newSession(t, m)
	for range 2 {
		if _, err := m.NewSession(); !errors.Is(err, ErrNoMemory) {
			t.Fatalf("a third session: error %v, want ErrNoMemory", err)
		}
		if r, err := m.Run(t.Context(), nil, "caption en", nil); !errors.Is(err, ErrNoMemory) || r.Stop != StopFailed {
			t.Errorf("Run: %+v, %v", r, err)
		}
	}
	must(t, a.Close())
	must(t, a.Close())
	c, err := m.NewSession()
	must(t, err)
	must(t, c.Close())
	must(t, b.Close())
}

// TestEstimate is what Memory measures once so many sessions, and each smaller number,
// have answered together: their caches and graphs within 2 %.
func TestEstimate(t *testing.T) {
	const n = 5
	for _, kernels := range []string{"auto", "off"} {
		for _, name := range []string{"pg1-a", "pg2-b"} {
			file := testmodel.Convert(t, name, convert.Options{Type: "q8_0"})
			opts := Options{Kernels: kernels, Engine: anyEngine(t), Threads: 1}
			want, err := Estimate(t.Context(), file, &opts, n)
			must(t, err)
			m := open(t, file, opts)
			var sessions []*Session
			for range n { // a step for each number of sequences
				s := newSession(t, m)
				must(t, s.Prefill(t.Context(), nil, "caption en"))
				sessions = append(sessions, s)
				must(t, m.together(t, sessions))
			}
			got, err := m.Memory(t.Context())
			must(t, err)
			if a, b := got.Total(), want.Total(); got.Sessions != n || math.Abs(float64(a-b)) > 0.02*float64(n*got.Session+got.Steps) {
				t.Errorf("%s, kernels %s: holds\n%+v, estimated\n%+v", name, kernels, got, want)
			}
		}
	}
}

// together computes a token of all sessions in one step and a coordinate after it,
// whatever the scheduler would do.
func (m *Model) together(t *testing.T, sessions []*Session) error {
	var requests, coordinates []*decode.Request
	for _, s := range sessions {
		requests = append(requests, &decode.Request{Sequence: s.sequence, IDs: []int32{5}, Sampler: greedy})
		coordinates = append(coordinates, &decode.Request{Sequence: s.sequence, Sampler: greedy,
			Allowed: []grammar.Range{m.decoder.Locs}})
	}
	return m.turns.Do(func() {
		m.decoder.Next(t.Context(), requests)
		m.decoder.Next(t.Context(), coordinates)
		for _, r := range slices.Concat(requests, coordinates) {
			if r.Err != nil {
				t.Error(r.Err)
			}
		}
	})
}
