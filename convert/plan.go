package convert

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/hparams"
)

// A Plan lists the files and tensors that a conversion writes.
type Plan struct {
	Source  string
	Format  Format
	Config  Config
	Outputs []Output
	Notes   []string // for people: readings of the source that may surprise
}

// An Output is one file of a plan.
type Output struct {
	Path     string
	Metadata []KV
	Tensors  []TensorPlan
}

// A TensorPlan is one tensor of an output.
type TensorPlan struct {
	Name  string
	Part  Part
	Shape []int // in ggml order, fastest first
	Type  gguf.Type
	Bytes int64
	From  string // the source's array and its place, for people

	tensor *tensor
}

// Bytes returns the size of an output's tensor data.
func (o Output) Bytes() int64 {
	var sum int64
	for _, t := range o.Tensors {
		sum += t.Bytes
	}
	return sum
}

// Bytes returns the size of all tensor data.
func (p *Plan) Bytes() int64 {
	var sum int64
	for _, o := range p.Outputs {
		sum += o.Bytes()
	}
	return sum
}

// MakePlan reads the headers of the checkpoint src and returns the plan by which
// [Run] would write dst. It writes nothing. Soon after ctx ends, it returns its cause:
// headers of Options.Remote take as long as the network needs.
func MakePlan(ctx context.Context, src, dst string, o Options) (*Plan, error) {
	j, err := newJob(ctx, src, dst, o)
	if err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	defer j.close()
	return j.plan, nil
}

// A job is a conversion whose source is open.
type job struct {
	options Options
	ck      checkpoint
	masks   checkpoint // of the mask decoder, or nil
	tensors []*tensor
	loras   []*lora
	plan    *Plan
	notes   []string // of the source's files
}

func (j *job) close() error {
	errs := []error{j.ck.Close()}
	for _, l := range j.loras {
		errs = append(errs, l.ck.Close())
	}
	if j.masks != nil {
		errs = append(errs, j.masks.Close())
	}
	return errors.Join(errs...)
}

// newJob opens the source and decides everything about the output.
func newJob(ctx context.Context, src, dst string, o Options) (_ *job, err error) {
	types, err := newTyping(o)
	if err != nil {
		return nil, optionsError{err}
	}
	if o.Resample != "" && o.Resample != hparams.Bicubic && o.Resample != hparams.Bilinear {
		return nil, optionsError{fmt.Errorf("resample is %q, want %q or %q", o.Resample, hparams.Bicubic, hparams.Bilinear)}
	}
	j := &job{options: o}
	if o.Projector == "" {
		j.ck, err = openSource(ctx, src, o.Remote)
	} else {
		j.ck, err = openPair(ctx, src, o.Projector, o.Name)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			j.close()
		}
	}()
	if g, ok := j.ck.(converted); ok {
		err = j.planGGUF(ctx, g, src, dst, types)
	} else {
		err = j.planCheckpoint(ctx, src, dst, types)
	}
	if err == nil && o.SplitMaxSize != 0 {
		err = j.splitOutput()
	}
	return j, err
}
