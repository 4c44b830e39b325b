package paligemma

import (
	"context"
	"errors"
	"image"
	"strings"
	"testing"
)

// TestNilAndZeroAreErrors: calls of a model or session that is nil, because Open or NewSession
// failed and the error was not looked at, or that is a zero value, are an ErrClosed, not a panic.
func TestNilAndZeroAreErrors(t *testing.T) {
	ctx, picture := t.Context(), image.NewGray(image.Rect(0, 0, 4, 4))
	check := func(call string, err error) {
		t.Helper()
		if !errors.Is(err, ErrClosed) || strings.Count(err.Error(), "paligemma: ") != 1 {
			t.Errorf("%s: %v, want ErrClosed", call, err)
		}
	}
	for what, m := range map[string]*Model{"nil model": nil, "zero model": new(Model)} {
		_, err := m.Run(ctx, picture, "ocr", nil)
		check(what+": Run", err)
		for _, err := range m.Stream(ctx, picture, "ocr", nil) {
			check(what+": Stream", err)
		}
		_, err = m.Choose(ctx, picture, "ocr", "yes")
		check(what+": Choose", err)
		_, err = m.Encode(ctx, picture)
		check(what+": Encode", err)
		_, err = m.Prepare(ctx, picture)
		check(what+": Prepare", err)
		_, err = m.ReadImage(strings.NewReader("P1\n1 1\n1"))
		check(what+": ReadImage", err)
		_, err = m.NewSession()
		check(what+": NewSession", err)
		_, err = m.Memory(ctx)
		check(what+": Memory", err)
		check(what+": AddMasks", m.AddMasks(ctx, []Object{{}}))
		must(t, m.Close())
	}
	for what, s := range map[string]*Session{"nil session": nil, "zero session": new(Session)} {
		r, err := s.Run(ctx, nil, "ocr", &Sampling{Forbidden: []int32{1}})
		if check(what+": Run", err); r == nil || r.Stop != StopFailed {
			t.Errorf("%s: Run returns %+v, want a Result that failed", what, r)
		}
		check(what+": Prefill", s.Prefill(ctx, nil, "ocr"))
		check(what+": Append", s.Append(ctx, 5))
		check(what+": Read", s.Read(ctx, []int32{5}, func(int, []float32) {}))
		_, err = s.Score(ctx, "yes")
		check(what+": Score", err)
		_, err = s.Choose(ctx, "yes")
		check(what+": Choose", err)
		_, err = s.Logits(ctx)
		check(what+": Logits", err)
		for _, err := range s.Tokens(ctx, nil) {
			check(what+": Tokens", err)
		}
		must(t, s.Close())
	}
	must(t, (*Sampling)(nil).Check())
}

// TestNilArgumentsAreErrors: a context or a function that is nil is an error that names it, not
// a panic or a report of a mistake of this package.
func TestNilArgumentsAreErrors(t *testing.T) {
	var none context.Context
	s, q, _ := asked(t, "pg1-a", Options{})
	m := s.model
	check := func(call string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", call, err, want)
		}
	}
	const noContext = "the context is nil"
	_, err := OpenContext(none, "model.gguf", nil)
	check("OpenContext", err, "model.gguf: "+noContext)
	_, err = m.ReadImageContext(none, strings.NewReader("P1\n1 1\n1"))
	check("ReadImageContext", err, noContext)
	_, err = m.Run(none, q.pictures[0], q.prompt, nil)
	check("Run", err, noContext)
	check("Append", s.Append(none, 5), noContext)
	check("Prefill", s.Prefill(none, nil, "ocr"), noContext)
	check("Read", s.Read(t.Context(), []int32{5}, nil), "each is nil")
}

// TestErrorsOfCodesAreShort: codes of JSON are cut in the message, and not padded.
func TestErrorsOfCodesAreShort(t *testing.T) {
	m := openTiny(t, Options{})
	o := Object{Label: "cat", Codes: []int{1, 2, 300}, Pixels: image.Rect(0, 0, 3, 3)}
	err := m.AddMasks(t.Context(), []Object{o})
	if want := `paligemma: mask of "cat" has the codes [1 2 300], want 16 from 0 to 127`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	o.Codes = make([]int, 1<<16)
	if err := m.AddMasks(t.Context(), []Object{o}); err == nil || len(err.Error()) > 300 {
		t.Errorf("%.400v, want a short error", err)
	}
}
