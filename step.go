package paligemma

import (
	"context"
	"fmt"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
)

// A step is the graph that computes one token after others, built for up to
// keys tokens in all and used again for every token until there are more.
type step struct {
	g                              *nn.Graph
	keys                           int
	id, pos, row, cells, mask, out nn.Tensor
}

// stepKeys is by how many keys the graph grows: a graph attends to all the
// keys it was built for, so fewer cost less work but more building.
const stepKeys = 256

func (s *Session) newStep(keys int) (*step, error) {
	c := s.model.cfg.text
	g, err := nn.NewGraph(s.backend, c.Nodes(1, 1, keys), s.model.opts.Trace)
	if err != nil {
		return nil, err
	}
	t := &step{g: g, keys: keys}
	t.id = g.Input("id", gguf.I32, 1)
	t.pos = g.Input("position", gguf.I32, 1)
	t.row = g.Input("row", gguf.I64, 1)
	if !s.backend.Kernels() {
		t.cells = g.Input("cells", gguf.I64, c.KVHeads*c.HeadDim)
	}
	t.mask = g.Input("mask", gguf.F32, keys, 1)
	batch := gemma.Batch{X: s.model.decoder.Embed(g, t.id), Pos: t.pos, Rows: t.row, Cells: t.cells}
	x := s.model.decoder.Forward(g, []gemma.Batch{batch}, s.cache, gemma.Keys{Len: keys, Mask: t.mask})
	t.out = s.model.decoder.Final(g, x)
	if err := g.Compile(t.out); err != nil {
		g.Close()
		return nil, err
	}
	return t, nil
}

// close frees the graph. It is safe on nil.
func (t *step) close() {
	if t != nil {
		t.g.Close()
	}
}

// extend appends a token to the cache and computes its hidden state.
func (s *Session) extend(ctx context.Context, id int32) error {
	if s.length >= s.cache.Len {
		return ErrContextFull
	}
	if s.step == nil || s.step.keys <= s.length {
		s.step.close()
		var err error
		s.step, err = s.newStep(min((s.length/stepKeys+1)*stepKeys, s.cache.Len))
		if err != nil {
			s.step = nil
			return err
		}
	}
	t := s.step
	if err := t.set(s.cache, id, s.length); err != nil {
		return err
	}
	if err := t.g.Compute(ctx); err != nil {
		return err
	}
	if err := nn.Get(t.g, t.out, s.hidden); err != nil {
		return err
	}
	s.length++
	return nil
}

// set gives the graph a token and its place.
func (t *step) set(cache *gemma.Cache, id int32, place int) error {
	mask := make([]float32, t.keys)
	for i := place + 1; i < t.keys; i++ {
		mask[i] = gemma.Masked
	}
	rows := []int64{int64(place)}
	errs := []error{
		nn.Set(t.g, t.id, []int32{id}),
		nn.Set(t.g, t.pos, []int32{int32(place)}),
		nn.Set(t.g, t.row, rows),
		nn.Set(t.g, t.mask, mask),
	}
	if t.cells.Valid() {
		errs = append(errs, nn.Set(t.g, t.cells, cache.Cells(rows)))
	}
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("token %d at %d: %w", id, place, err)
		}
	}
	return nil
}
