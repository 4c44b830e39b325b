package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// Options choose how a run asks.
type Options struct {
	Prompts []paligemma.Prompt // asked about each picture, in this order

	// Sampling returns how a prompt is answered; nil means the defaults. All that
	// answers depend on must be among the settings of the file's Identity.
	Sampling func(paligemma.Prompt) *paligemma.Sampling

	Shard       Shard // the part of the pictures to ask about
	Parallel    int   // pictures asked about at a time; 0 means DefaultParallel
	RetryFailed bool  // ask again about pictures whose records are failures
	Unchanged   bool  // take pictures that have all their records for unchanged, and do not read them
	MaxFailures int   // stop after more failures than this; 0 means never

	Progress func(Progress)       // called after each picture; may be nil
	Failed   func(*record.Record) // called for each new failure; may be nil
	Notice   func(string)         // called for what the caller of the run may want to know; may be nil
}

// DefaultParallel is Options.Parallel if that is 0: with as many tokens at a time, a token's
// share of the products with weights takes the least time.
const DefaultParallel = 12

// maxParallel bounds the pictures that are asked about at a time.
const maxParallel = 1 << 10

// A Progress counts pictures.
type Progress struct {
	Pictures int // so far, those with records before the run included
	Earlier  int // that had all their records before the run
	Changed  int // that had records about other bytes
	Records  int // written by this run
	Failed   int // of these
}

// A Report says what a run did.
type Report struct {
	Progress
	Questions int // pictures times prompts
	Failures  int // of these, whose records are failures, earlier ones included
	Took      time.Duration
}

// ErrFailures reports a run that stopped because of Options.MaxFailures.
var ErrFailures = errors.New("too many failures")

// Run asks all prompts about all pictures of sources, in their order, and adds the records
// to a file. Questions that have a record are not asked again, unless the picture's bytes
// have changed: then the record is replaced, and Options.Notice hears of it. A failure
// about a picture is a record; the error is about a source that ends early, after the others are
// done, about the file, the context, or a model that cannot go on. After an error the
// file holds all records up to a picture; opened again, another Run goes on from there. The Report
// is never nil.
func Run(ctx context.Context, m *paligemma.Model, out *File, sources []Source, opts *Options) (*Report, error) {
	if out == nil {
		return &Report{}, errors.New("batch: no file for the records")
	}
	if out.whole {
		return &Report{}, fmt.Errorf("batch: %w", errWhole)
	}
	if opts == nil {
		opts = &Options{}
	}
	start := time.Now()
	r := &run{model: m, out: out, sources: sources, opts: *opts}
	if r.opts.Parallel == 0 {
		r.opts.Parallel = DefaultParallel
	}
	out.restart()
	err := r.check()
	if err == nil {
		err = r.all(ctx)
	}
	if err == nil {
		err = out.finish(ctx)
	}
	report := &Report{Progress: r.progress, Questions: out.asked.Len(), Failures: out.failures(), Took: time.Since(start)}
	if err = errors.Join(err, r.sourceErr); err != nil {
		err = fmt.Errorf("batch: %w", err)
	}
	return report, err
}

// check refuses options and prompts before anything is read.
func (r *run) check() error {
	if n := r.opts.Parallel; n < 1 || n > maxParallel {
		return fmt.Errorf("parallel is %d, want 1 to %d", n, maxParallel)
	}
	if len(r.opts.Prompts) == 0 {
		return errors.New("no prompts")
	}
	seen := map[paligemma.Prompt]bool{}
	for _, p := range r.opts.Prompts {
		if _, err := p.Read(); err != nil {
			return err
		}
		if p == "" || seen[p] {
			return fmt.Errorf("prompt %q is empty or given twice", p)
		}
		seen[p] = true
	}
	return nil
}
