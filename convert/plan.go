package convert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
// [Run] would write dst. It writes nothing.
func MakePlan(src, dst string, o Options) (*Plan, error) {
	j, err := newJob(context.Background(), src, dst, o)
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
		j.ck, err = openPair(src, o.Projector, o.Name)
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
		err = j.planGGUF(g, src, dst, types)
	} else {
		err = j.planCheckpoint(src, dst, types)
	}
	if err == nil && o.SplitMaxSize != 0 {
		err = j.splitOutput()
	}
	return j, err
}

// planCheckpoint plans the conversion of a foreign checkpoint.
func (j *job) planCheckpoint(src, dst string, types typing) error {
	inv, err := takeInventory(j.ck)
	if err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	dir := src
	if info, err := os.Stat(src); err == nil && !info.IsDir() {
		dir = filepath.Dir(src)
	}
	vocabulary, passed, err := readTokenizer(j.options.Tokenizer, dir)
	if err != nil {
		return err
	}
	inv.grows = len(j.options.Adapters) > 0
	if j.options.Tokenizer == "" {
		var notes []string
		vocabulary, notes = adapterTokenizer(vocabulary, j.options.Adapters)
		passed = append(passed, notes...)
	}
	c, notes, err := readConfig(inv, dir, len(vocabulary.Pieces))
	if err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	var generation []string
	if inv.format == HuggingFace {
		if vocabulary.Ends, generation, err = readGeneration(dir, vocabulary); err != nil {
			return err
		}
	}
	j.notes = slices.Concat(j.notes, passed, notes, generation)
	if j.options.Resample != "" {
		c.Resample = j.options.Resample
	}
	if j.tensors, err = inv.resolve(c.Dims); err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if err := j.addMasks(&c); err != nil {
		return err
	}
	m := newModel(j.tensors)
	if err := m.takeHead(inv, c.Dims); err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if j.loras, err = openAdapters(j.options.Adapters, m); err != nil {
		return err
	}
	if err := m.checkGrown(); err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if err := m.settleHead(); err != nil {
		return err
	}
	if m.head != nil && j.options.Split {
		return fmt.Errorf("%s: the output head is not the embedding, which llama.cpp's two-file form cannot hold; convert to one file", src)
	}
	j.tensors = m.tensors
	if err := types.assign(j.tensors, c.Dims); err != nil {
		return err
	}
	if s, ok := j.ck.(*shards); ok {
		j.notes = append(j.notes, s.passed...)
	}
	j.plan = &Plan{Source: src, Format: inv.format, Config: c, Notes: slices.Concat(j.notes, m.notes)}
	return j.lay(dst, types, vocabulary)
}

// readConfig returns the config of a checkpoint whose tokenizer has the given
// number of pieces, and notes about files that are passed over.
func readConfig(inv inventory, dir string, pieces int) (Config, []string, error) {
	var h hfConfig
	var err error
	if inv.format == HuggingFace {
		if h, err = readHFConfig(dir); err != nil {
			return Config{}, nil, err
		}
	}
	if err := inv.checkTied(h); err != nil {
		return Config{}, nil, err
	}
	d, err := inv.dims(h)
	if err != nil {
		return Config{}, nil, err
	}
	if d.Vocab < pieces && !inv.grows {
		return Config{}, nil, fmt.Errorf("the embedding has %d rows, but the tokenizer %d pieces: they do not belong together, or the embedding was not resized for the tokens that were added, with model.resize_token_embeddings(len(tokenizer))", d.Vocab, pieces)
	}
	if spare := d.Vocab - pieces; spare > maxSpareRows {
		return Config{}, nil, fmt.Errorf("the embedding has %d rows, but the tokenizer %d pieces: they do not belong together", d.Vocab, pieces)
	}
	d.Vocab = pieces
	c := defaults(d, inv.format)
	if inv.format == BigVision {
		return c, nil, nil
	}
	if err := h.checkDims(d); err != nil {
		return Config{}, nil, err
	}
	c.apply(h)
	if err := c.check(); err != nil {
		return Config{}, nil, fmt.Errorf("%s: %w", h.path, err)
	}
	notes, err := c.applyProcessor(dir)
	return c, notes, err
}
