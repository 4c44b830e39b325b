package convert

import (
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

// An engine is ggml, which quantizes rows and reads them back.
type engine struct {
	lib *bindings.Lib
}

// openEngine opens ggml if the tensors need it. The plain types do without, so
// that they also work where there is no ggml.
func openEngine(path string, tensors []*tensor) (*engine, error) {
	for _, t := range tensors {
		if !t.typ.Quantized() && !t.from.typ.Quantized() {
			continue
		}
		lib, err := bindings.Open(path)
		if err != nil {
			err = fmt.Errorf("%s needs ggml for %v: %w", t.name, t.typ, err)
			if path != "" {
				err = optionsError{err}
			}
			return nil, err
		}
		return &engine{lib}, nil
	}
	return nil, nil
}

// quantize writes rows of n values to dst.
func (e *engine) quantize(t gguf.Type, dst []byte, values []float32, n int) error {
	if err := e.lib.Quantize(t, dst, values, n); err != nil {
		return err
	}
	if !e.lib.ValidateRows(t, dst) {
		return fmt.Errorf("ggml's own check refuses the rows it quantized to %v", t)
	}
	return nil
}

// check reports rows that hold impossible scales.
func (e *engine) check(t *tensor, data []byte) error {
	if !e.lib.ValidateRows(t.typ, data) {
		return fmt.Errorf("%s: its %v blocks have scales that are not finite (%s)", t.name, t.typ, t.from.where)
	}
	return nil
}

// dequantize reads rows of n values of type t. ggml offers this as an operation
// on tensors, so that it takes a graph of one node.
func (e *engine) dequantize(dst []float32, src []byte, t gguf.Type, n int) (err error) {
	device, err := e.lib.CPU()
	if err != nil {
		return err
	}
	ctx, err := e.lib.NewContext(2, 1)
	if err != nil {
		return err
	}
	defer ctx.Close()
	in := ctx.New(t, int64(n), int64(len(dst)/n))
	out := ctx.Cast(in, gguf.F32)
	graph := ctx.NewGraph(1)
	graph.Expand(out)
	buffer, err := ctx.AllocAll(device.BufferType())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, buffer.Close()) }()
	backend, err := device.NewBackend(1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backend.Close()) }()
	if err := bindings.Set(in, 0, src); err != nil {
		return err
	}
	if status := backend.Compute(graph); status != bindings.Success {
		return fmt.Errorf("ggml reads %v: %v", t, status)
	}
	return bindings.Get(out, 0, dst)
}
