package paligemma

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestClose closes in every order, twice, and on nil; afterwards nothing
// native is left.
func TestClose(t *testing.T) {
	must(t, (*Model)(nil).Close())
	must(t, (*Session)(nil).Close())
	must(t, new(Model).Close())

	q := readQuestion(t, "pg1-a")
	eachDoor(t, func(t *testing.T, e EngineOptions) {
		m, err := Open(testmodel.Convert(t, "pg1-a", convert.Options{Type: "q8_0"}), &Options{Engine: e, Threads: 1})
		must(t, err)
		images := encodeAll(t, m, q.pictures)
		var sessions []*Session
		for range 2 {
			s, err := m.NewSession()
			must(t, err)
			answer(t, s, images, q.prompt, &Sampling{MaxTokens: 2})
			sessions = append(sessions, s)
		}
		if err := m.Close(); err == nil || !strings.Contains(err.Error(), "2 sessions") {
			t.Errorf("Close with two sessions open: %v", err)
		}
		answer(t, sessions[0], images, q.prompt, &Sampling{MaxTokens: 2}) // still usable
		for _, s := range sessions {
			must(t, s.Close())
			must(t, s.Close())
		}
		must(t, m.Close())
		must(t, m.Close())
		must(t, sessions[0].Close()) // after its model
		if n := m.lib.Live(); n != 0 {
			t.Errorf("%d native handles are left", n)
		}
		usedClosed(t, m, sessions[0], images, q)
	})
}

// usedClosed wants ErrClosed of everything.
func usedClosed(t *testing.T, m *Model, s *Session, images []*Image, q question) {
	t.Helper()
	_, err := m.NewSession()
	check := func(what string, err error) {
		if !errors.Is(err, ErrClosed) || strings.Count(err.Error(), "paligemma: ") != 1 {
			t.Errorf("%s after Close: %v, want ErrClosed", what, err)
		}
	}
	check("NewSession", err)
	_, err = m.Encode(t.Context(), q.pictures[0])
	check("Encode", err)
	_, err = m.Run(t.Context(), q.pictures[0], q.prompt, nil)
	check("Run", err)
	check("Prefill", s.Prefill(t.Context(), images, q.prompt))
	_, err = s.Run(t.Context(), images, q.prompt, nil)
	check("Session.Run", err)
	for _, err := range s.Tokens(t.Context(), nil) {
		check("Tokens", err)
	}
}

func TestPictureOfAnotherModel(t *testing.T) {
	file, q := testmodel.Convert(t, "pg1-a", convert.Options{Type: "f32"}), readQuestion(t, "pg1-a")
	a, b := open(t, file, Options{}), open(t, file, Options{})
	images := append(encodeAll(t, a, q.pictures), encodeAll(t, b, q.pictures)...)
	s := newSession(t, a)
	for _, list := range [][]*Image{images, {images[0], nil}} {
		if err := s.Prefill(t.Context(), list, q.prompt); err == nil || !strings.Contains(err.Error(), "picture 2 was not encoded by this model") {
			t.Errorf("Prefill with a picture of another model: %v", err)
		}
	}
	if _, err := a.Encode(t.Context(), nil); err == nil {
		t.Error("Encode takes no picture at all")
	}
}

// TestConcurrentSessions runs 8 sessions on one model at a time, some with a
// picture of their own.
func TestConcurrentSessions(t *testing.T) {
	m, q := openOracle(t, "pg2-b", Options{}), readQuestion(t, "pg2-b")
	shared := encodeAll(t, m, q.pictures)
	var wg sync.WaitGroup
	answers := make([][]int32, 8)
	for i := range answers {
		wg.Go(func() {
			images := shared
			if i%2 == 1 {
				img, err := m.Encode(t.Context(), q.pictures[0])
				if err != nil {
					t.Error(err)
					return
				}
				images = []*Image{img}
			}
			s, err := m.NewSession()
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			r, err := s.Run(t.Context(), images, q.prompt, &Sampling{MaxTokens: 16, AnyText: true})
			if err != nil {
				t.Error(err)
				return
			}
			answers[i] = ids(r.Tokens)
		})
	}
	wg.Wait()
	for i, got := range answers {
		for k, want := range q.tokens[:16] {
			if len(got) != 16 || int64(got[k]) != want {
				t.Errorf("session %d: %v, want %v", i, got, q.tokens[:16])
				break
			}
		}
	}
	if slices.Contains(q.tokens[:16], int64(m.tok.EOS())) {
		t.Error("the answer ends early: take another checkpoint")
	}
}
