package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/models"
)

// A bencher is a model under measurement. The caller must Close it.
type bencher struct {
	open    func() (*paligemma.Model, error)
	model   *paligemma.Model
	session *paligemma.Session
	picture image.Image // as large as the model's square
	file    []byte      // of a picture that look reads instead; nil without one
	caption paligemma.Prompt
}

// newBencher opens the model at path, "" for the embedded one, with kernels.
func newBencher(c *cli.Context, path, kernels string, threads int) (b *bencher, err error) {
	b = &bencher{caption: paligemma.Caption("en"), open: func() (*paligemma.Model, error) {
		return openModelFile(c, path, kernels, threads)
	}}
	if b.model, err = b.open(); err != nil {
		return nil, err
	}
	side := b.model.Config().ImageSize
	picture := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			picture.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(y), uint8(x * y), 255})
		}
	}
	b.picture = picture
	if b.session, err = b.model.NewSession(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close closes the session and the model.
func (b *bencher) Close() {
	b.session.Close()
	b.model.Close()
}

// load times the opening of the file.
func load(_ context.Context, b *bencher) (time.Duration, error) {
	start := time.Now()
	m, err := b.open()
	took := time.Since(start)
	return took, errors.Join(err, m.Close())
}

// look returns the soft tokens of the picture, which it reads again each time if it is a file.
func (b *bencher) look(ctx context.Context) (*paligemma.Image, error) {
	picture := b.picture
	if b.file != nil {
		var err error
		if picture, err = b.model.ReadImageContext(ctx, bytes.NewReader(b.file)); err != nil {
			return nil, err
		}
	}
	return b.model.Encode(ctx, picture)
}

// encode times the way from a picture to soft tokens.
func encode(ctx context.Context, b *bencher) (time.Duration, error) {
	start := time.Now()
	_, err := b.model.Encode(ctx, b.picture)
	return time.Since(start), err
}

// firstToken times the way from a picture and a prompt to the first token.
func firstToken(ctx context.Context, b *bencher) (time.Duration, error) {
	start := time.Now()
	img, err := b.model.Encode(ctx, b.picture)
	if err != nil {
		return 0, err
	}
	_, err = b.session.Run(ctx, []*paligemma.Image{img}, b.caption, &paligemma.Sampling{MaxTokens: 1})
	return time.Since(start), err
}

// prompt times a prompt of n tokens, <bos> and the newline included.
func (b *bencher) prompt(ctx context.Context, n int) (time.Duration, error) {
	text, err := b.text(n)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	err = b.session.Prefill(ctx, nil, text)
	return time.Since(start), err
}

// text returns a prompt of n tokens: a piece that stays one token when it is
// repeated, n-2 times.
func (b *bencher) text(n int) (paligemma.Prompt, error) {
	for id := range int32(b.model.Config().Vocabulary) {
		piece := b.model.Detokenize([]int32{id})
		text := paligemma.Prompt(strings.Repeat(piece, max(0, n-2)))
		if len(piece) > 0 && len(piece) < 32 && len(b.model.PromptIDs(text)) == n {
			return text, nil
		}
	}
	return "", fmt.Errorf("found no prompt of %d tokens", n)
}

// answer times n tokens after a short prompt and a first token. The first token is
// not timed: it needs only the output head, as the prompt has computed the hidden
// state.
func (b *bencher) answer(ctx context.Context, n int) (time.Duration, error) {
	if err := b.session.Prefill(ctx, nil, b.caption); err != nil {
		return 0, err
	}
	var start time.Time
	got := -1
	for _, err := range b.session.Tokens(ctx, &paligemma.Sampling{MaxTokens: n + 1, Forbidden: []int32{b.model.EOS()}, AllowRepeats: true}) {
		if err != nil {
			return 0, err
		}
		if got++; got == 0 {
			start = time.Now()
		}
	}
	if got < n {
		return 0, fmt.Errorf("the context of %d tokens has no room for %d more; see --ctx-size", b.model.Config().Context, n)
	}
	return time.Since(start), nil
}

// A benchSetup says what was measured.
type benchSetup struct {
	Model   string `json:"model"`
	Bytes   int64  `json:"model_bytes"`
	Type    string `json:"type"` // of most weights
	Threads int    `json:"threads"`
	Kernels string `json:"kernels"` // a level of ours, or ggml
	Version string `json:"version"`
	Engine  string `json:"engine"`
}

// setup describes the side.
func (b *bencher) setup(c *cli.Context, path string) (benchSetup, error) {
	engine, err := paligemma.LoadEngine(engineOptions(c))
	if err != nil {
		return benchSetup{}, err
	}
	s := benchSetup{Model: "embedded", Threads: b.model.Config().Threads, Kernels: b.model.Config().Kernels, Version: flags.Version(), Engine: engine.Version}
	if s.Kernels == "" {
		s.Kernels = "ggml"
	}
	var f *gguf.File
	if path == "" {
		file := models.Tiny()
		f, err = gguf.New(bytes.NewReader(file), int64(len(file)))
	} else {
		s.Model = filepath.Base(path)
		f, err = gguf.Open(c.Context, path)
	}
	if err != nil {
		return s, err
	}
	defer f.Close()
	size := map[string]int64{}
	for _, t := range f.Tensors() {
		name := t.Type.String()
		size[name] += t.Size
		if size[name] > size[s.Type] {
			s.Type = name
		}
	}
	s.Bytes = f.Size()
	return s, nil
}
