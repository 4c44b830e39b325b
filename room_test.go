package paligemma

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/grammar"
)

// A started grammar counts its starts.
type started struct {
	always
	n *int
}

func (s started) Start(grammar.Vocabulary) (grammar.State, error) {
	*s.n++
	return s.always, nil
}

// TestLongTextsAreRefusedUncut: a text that no session has room for, however it is cut, is
// refused before it becomes tokens or a grammar, which takes seconds for each megabyte and
// does not end with a context. The error says so with a number of tokens "or more".
func TestLongTextsAreRefusedUncut(t *testing.T) {
	m := openTiny(t, Options{})
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), nil, "ocr"))
	starts := 0
	sm := &Sampling{Grammar: started{always{m.EOS()}, &starts}}
	long := "detect " + strings.Repeat("cat ; dog ; ", 1<<16)
	_, errOfRun := m.Run(t.Context(), scenes(t, 1)[0], Prompt(long), sm)
	_, errOfSession := s.Run(t.Context(), nil, Prompt(long), sm)
	var errOfStream error
	for _, err := range m.Stream(t.Context(), scenes(t, 1)[0], Prompt(long), sm) {
		errOfStream = err
	}
	_, errOfScore := s.Score(t.Context(), "b", long)
	_, errOfChoose := s.Choose(t.Context(), "b", long)
	_, errOfModel := m.Choose(t.Context(), scenes(t, 1)[0], Prompt(long), "a")
	for call, err := range map[string]error{"Model.Run": errOfRun, "Session.Run": errOfSession, "Stream": errOfStream, "Score": errOfScore,
		"Session.Choose": errOfChoose, "Model.Choose": errOfModel, "Prefill": s.Prefill(t.Context(), nil, Prompt(long))} {
		if (call == "Score" || call == "Session.Choose") && !strings.Contains(err.Error(), ": text 2 of ") {
			t.Errorf("%s: %v, want it to name text 2", call, err)
		}
		if !errors.Is(err, ErrContextFull) || !errors.Is(err, ErrPrompt) || !strings.Contains(err.Error(), " tokens or more") || strings.Count(err.Error(), "paligemma: ") != 1 {
			t.Errorf("%s: %v, want ErrContextFull for a number of tokens or more", call, err)
		}
	}
	if starts != 0 {
		t.Errorf("the grammar started %d times for a prompt that does not fit", starts)
	}
	if r, err := s.Run(t.Context(), nil, "ocr", sm); err != nil || starts == 0 || r.Stop != StopEOS {
		t.Errorf("a prompt that fits: %+v, %v, and the grammar started %d times", r, err, starts)
	}
}

// TestTextsOfLongestPieces: a prompt, a text and an answer that just fit are not refused,
// although no text of so many tokens is longer.
func TestTextsOfLongestPieces(t *testing.T) {
	m := openTiny(t, Options{Context: 64})
	longest := ""
	for id := range int32(m.Config().Vocabulary) {
		piece := m.Piece(id)
		if len([]rune(piece)) > len([]rune(longest)) && !strings.Contains(piece, "\n") && len(m.Tokenize(strings.Repeat(piece, 64))) == 64 {
			longest = piece
		}
	}
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), nil, Prompt(strings.Repeat(longest, 61)))) // and <bos>, and a newline
	if err := s.Prefill(t.Context(), nil, Prompt(strings.Repeat(longest, 62))); !errors.Is(err, ErrContextFull) {
		t.Errorf("62 tokens of text in a context of 64: %v, want ErrContextFull", err)
	}
	must(t, s.Prefill(t.Context(), nil, "")) // 2 tokens
	for n, fits := range map[int]bool{63: true, 64: false} {
		if _, err := s.Score(t.Context(), strings.Repeat(longest, n)); (err == nil) != fits {
			t.Errorf("Score of %d tokens in a context of 62 more: %v, want an error: %v", n, err, !fits)
		}
		if _, err := s.Choose(t.Context(), "a", strings.Repeat(longest, n-1)); (err == nil) != fits {
			t.Errorf("Choose of %d tokens in a context of 62 more: %v, want an error: %v", n, err, !fits)
		}
	}
}

// TestTextsEndWithTheirContext: texts are not cut for a caller who has left, however many
// there are.
func TestTextsEndWithTheirContext(t *testing.T) {
	s := newSession(t, openTiny(t, Options{}))
	must(t, s.Prefill(t.Context(), nil, "ocr"))
	left := errors.New("the caller left")
	ctx, leave := context.WithCancelCause(t.Context())
	leave(left)
	_, scored := s.Score(ctx, "a", "a\x00") // the second would be refused
	_, chosen := s.Choose(ctx, "a", "b\x00")
	if !errors.Is(scored, left) || !errors.Is(chosen, left) {
		t.Errorf("Score: %v, Choose: %v, want %v", scored, chosen, left)
	}
}
