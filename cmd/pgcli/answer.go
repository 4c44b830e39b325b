package main

import (
	"context"
	"fmt"
	"image"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/legible"
)

// An asking asks the prompts of pgcli run and chat, and prints the answers.
type asking struct {
	model    *paligemma.Model
	session  *paligemma.Session
	choices  []string            // answers to compare; nil to generate one
	sampling *paligemma.Sampling // without a grammar: it depends on the prompt
	out      *printer
	drawing  *drawing
	status   *status
	load     time.Duration
	labelled bool // several answers on a terminal: a line before each says which it is
}

// newAsking reads the flags. It refuses to draw on several pictures of one question,
// or to name them in COCO's results, since an answer does not say in which one an
// object is.
func newAsking(c *cli.Context, pictures []string, each bool, prompts int) (*asking, error) {
	a := &asking{status: newStatus(c.App.ErrWriter), labelled: isTerminal(c.App.Writer) && (prompts > 1 || each)}
	var err error
	for _, flag := range []string{"output", "svg", "coco"} {
		if c.IsSet(flag) && len(pictures) != 1 && !each {
			return nil, usagef("--%s goes with one picture or --each, got %d: an answer about several pictures does not say in which one an object is", flag, len(pictures))
		}
	}
	if a.sampling, err = flags.Sampling(c); err != nil {
		return nil, err
	}
	if _, err = flags.Grammar(c, ""); err != nil {
		return nil, err
	}
	alone := pictures
	if !each {
		alone = nil
	}
	if a.out, err = newPrinter(c, alone); err != nil {
		return nil, err
	}
	a.drawing, err = newDrawing(c, pictures)
	return a, err
}

// open opens the model that the flags name, and a session. The caller must close
// them.
func (a *asking) open(c *cli.Context) error {
	start := time.Now()
	var err error
	if a.model, err = openModel(c); err != nil {
		return err
	}
	a.load = time.Since(start)
	if a.session, err = a.model.NewSession(); err != nil {
		a.model.Close()
		return err
	}
	if c.Bool("timings") {
		fmt.Fprintf(c.App.ErrWriter, "load    %8.1f ms\n", ms(a.load))
	}
	return nil
}

func (a *asking) close() {
	a.status.clear()
	a.session.Close()
	a.model.Close()
}

// A view is the pictures of one question.
type view struct {
	paths  []string
	images []*paligemma.Image
	took   time.Duration // to read and encode them
}

// look reads and encodes pictures. It also returns the last of them.
func (a *asking) look(ctx context.Context, c *cli.Context, paths []string) (*view, image.Image, error) {
	defer a.status.clear()
	v, start := &view{paths: paths}, time.Now()
	var last image.Image
	for _, path := range paths {
		a.status.show("reading " + oneLine(path))
		img, encoded, err := encodeFile(ctx, c, a.model, path)
		if err != nil {
			return nil, nil, err
		}
		last, v.images = img, append(v.images, encoded)
	}
	v.took = time.Since(start)
	if len(paths) == 0 {
		fmt.Fprintln(c.App.ErrWriter, "pgcli: no picture: PaliGemma was not trained to answer without one")
	}
	if c.Bool("timings") {
		fmt.Fprintf(c.App.ErrWriter, "encode  %8.1f ms, %s\n", ms(v.took), legible.Count(len(paths), "picture"))
	}
	return v, last, nil
}

// about asks prompts about pictures, the i-th or all of the command, and draws the
// objects of all answers.
func (a *asking) about(c *cli.Context, i int, paths []string, prompts []paligemma.Prompt) error {
	v, img, err := a.look(c.Context, c, paths)
	if err != nil {
		return err
	}
	var objects []paligemma.Object
	for _, p := range prompts {
		if a.choices != nil {
			if err := a.choose(c, v, p); err != nil {
				return err
			}
			continue
		}
		r, err := a.answer(c.Context, c, v, p)
		if err != nil {
			return err
		}
		objects = append(objects, r.Objects...)
	}
	if len(paths) != 1 {
		return nil
	}
	return output(a.drawing.save(c, i, img, objects))
}

// answer asks one prompt and prints the answer.
func (a *asking) answer(ctx context.Context, c *cli.Context, v *view, p paligemma.Prompt) (*paligemma.Result, error) {
	f := finding{Prompt: p}
	name := string(p)
	if len(v.images) == 1 {
		f.Path, f.size = v.paths[0], v.images[0].Bounds().Size()
		if len(a.out.pictures) > 1 {
			name = f.Path + ": " + name
		}
	}
	sm := *a.sampling
	var err error
	if sm.Grammar, err = flags.Grammar(c, p); err != nil {
		return nil, err
	}
	sm.AnyText = sm.Grammar == nil
	if a.labelled && a.out.form == "table" {
		fmt.Fprintf(c.App.Writer, "> %s\n", oneLine(name))
	}
	a.status.show("reading the prompt")
	if a.out.form == "json" || a.out.form == "coco" { // printed when it is complete
		f.Result, err = a.session.Run(ctx, v.images, p, &sm)
	} else {
		f.Result, err = a.stream(ctx, c, v, p, &sm)
	}
	a.status.clear()
	if c.Bool("timings") {
		printTimings(c.App.ErrWriter, a.session.Timings())
	}
	if f.Result == nil || err != nil && len(f.Tokens) == 0 { // failed or interrupted
		return nil, err
	}
	f.Timings.Encode = v.took
	if f.Stop == paligemma.StopRepeat {
		tell(c.App.ErrWriter, "prompt %q: stopped, as the answer only repeats itself; --repeats goes on", p)
	}
	if a.out.form == "lines" && !a.drawing.used() { // the answer is printed, and nothing is drawn
		return f.Result, err
	}
	if a.out.form != "json" {
		warnObjects(c.App.ErrWriter, fmt.Sprintf("prompt %q", p), a.model, f.Result)
	}
	if a.out.form != "lines" && err == nil {
		err = output(a.out.print(ctx, f))
	}
	return f.Result, err
}

// stream prints the answer as it comes and ends it with a newline, also after
// Ctrl-C.
func (a *asking) stream(ctx context.Context, c *cli.Context, v *view, p paligemma.Prompt, sm *paligemma.Sampling) (*paligemma.Result, error) {
	if err := a.session.Prefill(ctx, v.images, p); err != nil {
		return nil, err
	}
	var r paligemma.Result
	var text strings.Builder
	for t, err := range a.session.Tokens(ctx, sm) {
		a.status.clear()
		if err == nil {
			_, err = io.WriteString(c.App.Writer, shown(c.App.Writer, t.Text))
			err = output(err)
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
	var size image.Point // not known for several pictures
	if len(v.images) == 1 {
		size = v.images[0].Bounds().Size()
	}
	r.Objects, r.Problems = a.model.Objects(r.Tokens, size)
	a.status.clear()
	if _, err := fmt.Fprintln(c.App.Writer); err != nil {
		return &r, output(err)
	}
	if !a.drawing.used() {
		return &r, nil
	}
	return &r, a.model.AddMasks(ctx, r.Objects)
}

// shown returns a text for w. A terminal gets nothing that it obeys but tabs and line
// ends: a model may answer with such characters.
func shown(w io.Writer, text string) string {
	if !isTerminal(w) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if legible.Obeyed(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
