package paligemma

import (
	"errors"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestMemoryIsWhatSessionsHold compares Memory with the stores themselves, before
// and after answers.
func TestMemoryIsWhatSessionsHold(t *testing.T) {
	for _, kernels := range []string{"auto", "off"} {
		m := open(t, testmodel.Convert(t, "pg2-b", convert.Options{Type: "q8_0"}), Options{Kernels: kernels})
		before, err := m.Memory()
		must(t, err)
		q := readQuestion(t, "pg2-b")
		a, b := newSession(t, m), newSession(t, m)
		answer(t, a, encodeAll(t, m, q.pictures), q.prompt, &Sampling{MaxTokens: 4})
		after, err := m.Memory()
		must(t, err)
		if before.Sessions != 0 || after.Sessions != 2 || before.Session != after.Session {
			t.Errorf("%s: %+v before two sessions, then %+v", kernels, before, after)
		}
		if got := b.sequence.Bytes(); got != after.Session {
			t.Errorf("%s: a session holds %d bytes, Memory says %d", kernels, got, after.Session)
		}
		if after.Weights <= 0 || after.Steps <= before.Steps || after.Picture <= 0 || after.Prompt <= 0 {
			t.Errorf("%s: %+v", kernels, after)
		}
	}
}

// TestCacheMemory refuses the session that does not fit, until another closes.
func TestCacheMemory(t *testing.T) {
	file := testmodel.Convert(t, "pg1-a", convert.Options{Type: "q8_0"})
	size, err := open(t, file, Options{}).Memory()
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
