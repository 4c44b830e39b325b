package main

import (
	"errors"
	"fmt"
	"image"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
)

// An asking asks the prompts of pgcli run, and collects the objects of all answers.
type asking struct {
	model    *paligemma.Model
	session  *paligemma.Session
	images   []*paligemma.Image  // of every prompt
	sampling *paligemma.Sampling // without a grammar: it depends on the prompt
	out      *printer
	drawing  *drawing
	objects  []paligemma.Object // of all answers so far
}

// newAsking reads the flags. It refuses to draw on several pictures, or to name
// them in COCO's results, since an answer does not say in which one an object is.
func newAsking(c *cli.Context) (*asking, error) {
	var a asking
	var err error
	paths := c.StringSlice("image")
	for _, flag := range []string{"output", "svg", "coco"} {
		if c.IsSet(flag) && len(paths) != 1 {
			return nil, usagef("--%s goes with one --image, got %d: an answer about several pictures does not say in which one an object is", flag, len(paths))
		}
	}
	if a.sampling, err = sampling(c); err != nil {
		return nil, err
	}
	if _, err = promptGrammar(c, ""); err != nil {
		return nil, err
	}
	if a.out, err = newPrinter(c, 1); err != nil {
		return nil, err
	}
	a.drawing, err = newDrawing(c, paths)
	return &a, err
}

// answer asks one prompt and prints the answer.
func (a *asking) answer(c *cli.Context, p paligemma.Prompt) error {
	f := finding{Prompt: p}
	if len(a.images) == 1 {
		f.Path, f.size = c.StringSlice("image")[0], a.images[0].Bounds().Size()
	}
	sm := *a.sampling
	var err error
	if sm.Grammar, err = promptGrammar(c, p); err != nil {
		return err
	}
	if a.out.form == "json" || a.out.form == "coco" { // printed when it is complete
		f.Result, err = a.session.Run(c.Context, a.images, p, &sm)
	} else {
		f.Result, err = a.stream(c, p, &sm, f.size)
	}
	if c.Bool("timings") {
		printTimings(c.App.ErrWriter, a.session.Timings())
	}
	if f.Result == nil || err != nil && len(f.Tokens) == 0 { // failed or interrupted
		return err
	}
	a.objects = append(a.objects, f.Objects...)
	if a.out.form == "lines" && !a.drawing.used() { // the answer is printed, and nothing is drawn
		return err
	}
	if a.out.form != "json" {
		warnObjects(c.App.ErrWriter, fmt.Sprintf("prompt %q", p), f.Result)
	}
	if a.out.form != "lines" {
		err = errors.Join(err, a.out.print(f))
	}
	return err
}

// stream prints the answer as it comes and ends it with a newline, also after
// Ctrl-C.
func (a *asking) stream(c *cli.Context, p paligemma.Prompt, sm *paligemma.Sampling, size image.Point) (*paligemma.Result, error) {
	if err := a.session.Prefill(c.Context, a.images, p); err != nil {
		return nil, err
	}
	var r paligemma.Result
	var text strings.Builder
	for t, err := range a.session.Tokens(c.Context, sm) {
		if err == nil {
			_, err = io.WriteString(c.App.Writer, t.Text)
		}
		if err != nil {
			fmt.Fprintln(c.App.Writer)
			return nil, err
		}
		if t.ID != paligemma.NoID {
			r.Tokens = append(r.Tokens, t)
		}
		text.WriteString(t.Text)
	}
	r.Text, r.Stop, r.Timings = text.String(), a.session.Stopped(), a.session.Timings()
	r.Objects, r.Problems = a.model.Objects(r.Tokens, size)
	_, err := fmt.Fprintln(c.App.Writer)
	return &r, err
}
