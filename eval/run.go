package eval

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/pgcli/paligemma"
)

// DefaultMaxTokens limits the length of an answer, unless Options say otherwise.
const DefaultMaxTokens = 128

// Options say how a data set is run. The zero value, and nil, is useful.
type Options struct {
	MaxTokens int  // most tokens of an answer; 0 means DefaultMaxTokens
	Grammar   bool // answers to detect and segment can only be objects

	// Failed receives the error of an example that cannot be asked, for example
	// because its picture is missing; the run leaves the example out. If Failed
	// is nil, the first such error ends the run.
	Failed func(error)

	// Answered receives each answer, in order. An error ends the run.
	Answered func(*Answered) error

	// Journal keeps the answers, and has those of earlier runs, which are not asked
	// again; nil keeps none. The caller finishes and closes it.
	Journal *Journal

	// Progress receives the number of examples done, after each.
	Progress func(done int)
}

// Answered is an example with its answer. Measures that do not apply are nil. Its objects
// have no Mask: paligemma.Model.AddMasks draws them.
type Answered struct {
	*Example
	Text     string             `json:"answer"`
	Stop     paligemma.Stop     `json:"stop"`
	Exact    bool               `json:"exact"`
	VQA      *float64           `json:"vqa,omitempty"`
	ANLS     *float64           `json:"anls,omitempty"`
	CIDEr    *float64           `json:"cider,omitempty"`
	Objects  []paligemma.Object `json:"objects,omitempty"`
	BoxIoUs  []float64          `json:"box_ious,omitempty"`  // of each thing in the picture, 0 if not found
	MaskIoUs []float64          `json:"mask_ious,omitempty"` // of each thing with a mask, 0 if not found
	Time     time.Duration      `json:"answer_ns"`
}

// Run asks a model the questions of a data set, one after another, and takes
// the likeliest token each time. A nil opts means the defaults. When ctx ends,
// or an error ends the run, Run returns the report so far together with the
// error. The caller keeps the model, and closes it.
func Run(ctx context.Context, m *paligemma.Model, set *DataSet, opts *Options) (*Report, error) {
	if set == nil {
		return nil, errors.New("eval: no data set")
	}
	r := &runner{viewer: viewer{model: m, set: set}, tallies: map[Task]*tally{}}
	var err error
	if r.opts, err = opts.complete(); err != nil {
		return nil, err
	}
	if r.session, err = m.NewSession(); err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	defer r.session.Close()
	failed, err := set.each(ctx, r.opts, func(e *Example) error { return r.ask(ctx, e) })
	report := r.report()
	report.Failed, report.Partial = failed, err != nil
	return report, err
}

// complete returns a copy of o, which may be nil, with its defaults filled in.
func (o *Options) complete() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	if c.MaxTokens < 0 {
		return c, fmt.Errorf("eval: max tokens is %d, want 0 or more", c.MaxTokens)
	}
	if c.MaxTokens == 0 {
		c.MaxTokens = DefaultMaxTokens
	}
	if c.Answered == nil {
		c.Answered = func(*Answered) error { return nil }
	}
	if c.Progress == nil {
		c.Progress = func(int) {}
	}
	return c, nil
}

// sampling returns how to choose the tokens of an example's answer.
func (o *Options) sampling(e *Example) *paligemma.Sampling {
	return &paligemma.Sampling{MaxTokens: o.MaxTokens, AnyText: !o.Grammar, NoMasks: true}
}

// A fatalError ends a run even if Options.Failed is set.
type fatalError struct{ error }

func (e fatalError) Unwrap() error { return e.error }

// each calls ask for the examples in order, and returns the number that failed.
func (d *DataSet) each(ctx context.Context, o Options, ask func(*Example) error) (failed int, err error) {
	done := 0
	for e, err := range d.Examples(ctx) {
		if err != nil {
			return failed, err
		}
		if err := ask(e); err != nil {
			err = fmt.Errorf("eval: %s:%d: %w", d.path, e.Line, err)
			if ctx.Err() != nil || o.Failed == nil || errors.As(err, new(fatalError)) {
				return failed, err
			}
			failed++
			o.Failed(err)
		}
		done++
		o.Progress(done)
	}
	return failed, nil
}

// A runner asks one model and adds up the measures of its answers.
type runner struct {
	viewer
	opts    Options
	session *paligemma.Session
	tallies map[Task]*tally
	asked   time.Duration // for the answers of this run
}

// ask asks one example and measures the answer.
func (r *runner) ask(ctx context.Context, e *Example) error {
	a, problems, size, err := r.earlier(e)
	if err != nil {
		return fatalError{err}
	}
	var tokens []paligemma.Token
	known := a != nil
	if !known {
		img, err := r.encode(ctx, e)
		if err != nil {
			return err
		}
		size = img.Bounds().Size()
		if err := r.checkMasks(ctx, e, size); err != nil { // before the model has worked for nothing
			return err
		}
		res, err := r.session.Run(ctx, []*paligemma.Image{r.last}, e.Prompt, r.opts.sampling(e))
		if err != nil {
			return fmt.Errorf("picture %s: %w", e.Image, err)
		}
		problems, tokens = res.Problems, res.Tokens
		a = &Answered{Example: e, Text: res.Text, Stop: res.Stop, Objects: res.Objects, Time: res.Timings.Prefill + res.Timings.Decode}
	}
	var found match
	if e.Task.objects() {
		if found, err = r.truth(e, size).match(ctx, a, r.draw); err != nil {
			return err
		}
	}
	if !known {
		if r.opts.Journal != nil { // an answer that is too large for it is a failure of its example
			a.BoxIoUs, a.MaskIoUs = found.ious, found.masks
			if _, err := encodeEntry(a, tokens, [2]int{size.X, size.Y}); err != nil {
				return err
			}
		}
		r.asked += a.Time
	}
	t := r.tallies[e.Task]
	if t == nil {
		t = &tally{}
		r.tallies[e.Task] = t
	}
	t.text(a, &r.set.captions)
	if e.Task.objects() {
		t.objects(a, problems, found, r.model.Config().Masks)
	}
	if !known && r.opts.Journal != nil {
		if err := r.opts.Journal.add(a, tokens, [2]int{size.X, size.Y}); err != nil {
			return fatalError{err}
		}
	}
	if err := r.opts.Answered(a); err != nil {
		return fatalError{err}
	}
	return nil
}

// earlier returns the answer that the journal has to an example, nil without one, its
// problems, and the size of the picture.
func (r *runner) earlier(e *Example) (a *Answered, problems []paligemma.Problem, size image.Point, err error) {
	if r.opts.Journal == nil {
		return nil, nil, size, nil
	}
	a, line, err := r.opts.Journal.find(e)
	if a == nil || err != nil {
		return nil, nil, size, err
	}
	size = image.Pt(line.Size[0], line.Size[1])
	a.Objects, problems = r.model.Objects(line.Tokens, size)
	return a, problems, size, nil
}

func (r *runner) report() *Report {
	report := &Report{Examples: r.set.Len(), Pictures: r.count}
	whole := r.took + r.asked
	for _, task := range tasks {
		if t := r.tallies[task]; t != nil {
			report.Answered += t.count
			report.Tasks = append(report.Tasks, t.report(task))
		}
	}
	if r.count > 0 {
		report.Encode, report.Picture = r.took/time.Duration(r.count), whole/time.Duration(r.count)
	}
	return report
}
