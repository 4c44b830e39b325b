package paligemma

import (
	"bytes"
	"errors"
	"image"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// TestPromptIsRead: the text between the pictures and the newline, by the rule that
// Read documents.
func TestPromptIsRead(t *testing.T) {
	for p, want := range map[Prompt]Reading{
		"detect star":                  {Text: "detect star"},
		"":                             {},
		" detect  star \t":             {Text: " detect  star \t"},
		"detect star\n":                {Text: "detect star", Changed: true},
		"detect star \r\n\n":           {Text: "detect star ", Changed: true},
		"two\nlines":                   {Text: "two\nlines"},
		"\ufeffocr":                    {Text: "ocr", Changed: true},
		"<image>detect star":           {Text: "detect star", Pictures: 1},
		"<image><image> which?\n":      {Text: " which?", Pictures: 2, Changed: true},
		"<loc0001>":                    {Text: "<loc0001>"},
		"<b>bold</b>":                  {Text: "<b>bold</b>"},
		"answer en what is an <image?": {Text: "answer en what is an <image?"},
	} {
		if got, err := p.Read(); err != nil || got != want {
			t.Errorf("%q is read as %+v, %v, want %+v", p, got, err, want)
		}
	}
	for p, want := range map[Prompt]string{
		"<bos>ocr":              `has <bos>, which is a token of the model`,
		"<image><bos>ocr":       `has <bos>`,
		"ocr<eos>":              `has <eos>`,
		"compare <image> and":   `has <image> after its start`,
		"\xff\xfeo\x00c\x00":    "is not UTF-8",
		"caf\xe9":               "is not UTF-8",
		"o\x00c\x00r\x00":       "holds a NUL",
		Detect():                "detect prompt names no thing",
		Detect("cat", " "):      "detect prompt has an empty name",
		Segment("cat ; dog"):    `segment prompt names "cat ; dog", want a thing without ;`,
		Detect("a<loc0001>"):    "want a thing without ; < >",
		Detect("line\nbreak"):   "and line breaks",
		"\ufeff<bos>":           "has <bos>",
		"\x00":                  "holds a NUL",
		"<image>\x00something;": "holds a NUL",
	} {
		_, err := p.Read()
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ErrPrompt) || !errors.Is(err, ErrRequest) {
			t.Errorf("%q: error %v, want an ErrPrompt with %q", p, err, want)
		}
	}
}

// TestMarkedPromptIsTheSame: <image> at the start, as transformers asks for, changes
// nothing, if it is there for each picture.
func TestMarkedPromptIsTheSame(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	q := readQuestion(t, "pg1-a")
	images := encodeAll(t, m, q.pictures[:1])
	s := newSession(t, m)
	want := answer(t, s, images, "detect star", nil)
	if got := answer(t, s, images, "<image>detect star\n", nil); !slices.Equal(got, want) {
		t.Errorf("answer %v, want %v as without <image>", got, want)
	}
	for _, p := range []Prompt{"<image><image>detect star", "<bos>detect star", "detect\x00"} {
		if _, err := s.Run(t.Context(), images, p, nil); !errors.Is(err, ErrPrompt) {
			t.Errorf("Session.Run(%q): error %v, want ErrPrompt", p, err)
		}
		if _, err := m.Run(t.Context(), q.pictures[0], p, nil); !errors.Is(err, ErrPrompt) {
			t.Errorf("Model.Run(%q): error %v, want ErrPrompt", p, err)
		}
	}
}

// TestChangedPromptIsLogged: a prompt that is not asked as it is written is named in
// the log, and no other is.
func TestChangedPromptIsLogged(t *testing.T) {
	var log bytes.Buffer
	m := openOracle(t, "pg1-a", Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), nil, "ocr "))
	if log.Len() > 0 {
		t.Errorf("the log has %q", &log)
	}
	must(t, s.Prefill(t.Context(), nil, "ocr\n"))
	if got := log.String(); !strings.Contains(got, "without the line breaks at its end") || !strings.Contains(got, `prompt="ocr\n"`) {
		t.Errorf("the log has %q", got)
	}
}

// TestRequestsAreToldApart: errors.Is tells which part of a request is wrong.
func TestRequestsAreToldApart(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{Context: 30})
	var none *image.RGBA
	picture := image.NewRGBA(image.Rect(0, 0, 8, 8))
	run := func(img image.Image, p Prompt, s *Sampling) error {
		_, err := m.Run(t.Context(), img, p, s)
		return err
	}
	_, notPicture := m.ReadImage(strings.NewReader("text"))
	_, noImage := m.Encode(t.Context(), none)
	for _, c := range []struct {
		err, kind error
	}{
		{run(nil, "ocr", nil), ErrPicture}, {run(none, "ocr", nil), ErrPicture}, {noImage, ErrPicture}, {notPicture, ErrPicture},
		{run(image.NewRGBA(image.Rectangle{}), "ocr", nil), ErrPicture},
		{run(picture, "<bos>", nil), ErrPrompt}, {run(picture, Prompt(strings.Repeat("a b ", 99)), nil), ErrPrompt},
		{run(picture, Detect("a;b"), nil), ErrPrompt}, {run(picture, "detect", nil), ErrSampling}, {run(picture, "segment cat ;", nil), ErrSampling},
		{run(picture, "ocr", &Sampling{TopP: 2}), ErrSampling}, {run(picture, "ocr", &Sampling{Forbidden: []int32{-1}}), ErrSampling},
	} {
		for _, kind := range []error{ErrPicture, ErrPrompt, ErrSampling, ErrRequest} {
			if got, want := errors.Is(c.err, kind), kind == c.kind || kind == ErrRequest; got != want {
				t.Errorf("%v: is %q: %v, want %v", c.err, kind, got, want)
			}
		}
		if c.err != nil && strings.Count(c.err.Error(), "paligemma: ") != 1 {
			t.Errorf("%q names the package not once", c.err)
		}
	}
}

// TestRunHoldsToTheGrammar: Run answers a detect prompt with objects alone, unless
// AnyText is set.
func TestRunHoldsToTheGrammar(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	q := readQuestion(t, "pg1-a")
	held, err := m.Run(t.Context(), q.pictures[0], Detect("cat"), &Sampling{MaxTokens: 5})
	must(t, err)
	free, err := m.Run(t.Context(), q.pictures[0], Detect("cat"), &Sampling{MaxTokens: 5, AnyText: true})
	must(t, err)
	if len(held.Objects) != 1 || held.Objects[0].Label != "cat" || free.Text == held.Text {
		t.Errorf("Run gives %q, with AnyText %q: want a cat, and any text", held.Text, free.Text)
	}
}

// TestRepeatsStop: an answer of one token again and again ends, unless it is allowed
// to go on or held to a grammar.
func TestRepeatsStop(t *testing.T) {
	s, q, images := asked(t, "pg1-a", Options{Context: 400})
	forbidden := only(s, 1000)
	r, err := s.Run(t.Context(), images, q.prompt, &Sampling{Forbidden: forbidden, MaxTokens: 200})
	must(t, err)
	if r.Stop != StopRepeat || len(r.Tokens) != 96 {
		t.Errorf("ends with %q after %d tokens, want %q after 96", r.Stop, len(r.Tokens), StopRepeat)
	}
	r, err = s.Run(t.Context(), images, q.prompt, &Sampling{Forbidden: forbidden, MaxTokens: 200, AllowRepeats: true})
	must(t, err)
	if r.Stop != StopLength || len(r.Tokens) != 200 {
		t.Errorf("with AllowRepeats it ends with %q after %d tokens, want %q after 200", r.Stop, len(r.Tokens), StopLength)
	}
}
