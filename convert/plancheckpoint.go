package convert

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/spm"
)

// planCheckpoint plans the conversion of a foreign checkpoint.
func (j *job) planCheckpoint(ctx context.Context, src, dst string, types typing) error {
	inv, err := takeInventory(j.ck)
	if err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	dir := src
	if info, err := os.Stat(src); err == nil && !info.IsDir() {
		dir = filepath.Dir(src)
	}
	vocabulary, passed, err := j.readVocabulary(ctx, dir)
	if err != nil {
		return err
	}
	inv.grows = len(j.options.Adapters) > 0
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
	merged, err := j.merge(ctx, src, inv, c.Dims)
	if err != nil {
		return err
	}
	if err := types.assign(j.tensors, c.Dims); err != nil {
		return err
	}
	if s, ok := j.ck.(*shards); ok {
		j.notes = append(j.notes, s.passed...)
	}
	j.plan = &Plan{Source: src, Format: inv.format, Config: c, Notes: slices.Concat(j.notes, merged)}
	return j.lay(dst, types, vocabulary)
}

// readVocabulary returns the tokenizer that the options name or, without one, the folder's
// with the tokens that adapters add, and notes about files that are passed over.
func (j *job) readVocabulary(ctx context.Context, dir string) (spm.Vocabulary, []string, error) {
	type read struct {
		vocabulary spm.Vocabulary
		notes      []string
	}
	o := j.options
	r, err := guard.Leave(ctx, func() (read, error) {
		vocabulary, passed, err := readTokenizer(o.Tokenizer, dir)
		if err != nil || o.Tokenizer != "" {
			return read{vocabulary, passed}, err
		}
		vocabulary, notes := adapterTokenizer(vocabulary, o.Adapters)
		return read{vocabulary, append(passed, notes...)}, nil
	})
	return r.vocabulary, r.notes, err
}

// merge merges the adapters into the job's tensors, decides about the output head, and
// returns notes about both.
func (j *job) merge(ctx context.Context, src string, inv inventory, d Dims) (notes []string, err error) {
	m := newModel(j.tensors)
	if err := m.takeHead(inv, d); err != nil {
		return nil, fmt.Errorf("%s: %w", src, err)
	}
	if j.loras, err = openAdapters(j.options.Adapters, m); err != nil {
		return nil, err
	}
	if err := m.checkGrown(); err != nil {
		return nil, fmt.Errorf("%s: %w", src, err)
	}
	if err := m.settleHead(ctx); err != nil {
		return nil, err
	}
	if m.head != nil && j.options.Split {
		return nil, fmt.Errorf("%s: the output head is not the embedding, which llama.cpp's two-file form cannot hold; convert to one file", src)
	}
	j.tensors = m.tensors
	return m.notes, nil
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
