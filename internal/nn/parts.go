package nn

import (
	"context"
	"fmt"

	"github.com/pgcli/paligemma/bindings"
)

// A part is consecutive nodes of a compiled graph.
type part struct {
	ctx   *bindings.Context
	graph *bindings.Graph
}

// Pause plans the computation of x at this point, as Run does, and marks it as
// a place at which ComputeInParts pauses.
func (g *Graph) Pause(x Tensor) {
	g.Run(x)
	if g.err == nil {
		g.pauses = append(g.pauses, g.graph.Len())
	}
}

// cut makes the parts between the places of Pause. Other devices than the CPU
// compute a graph whole: their plan is of all nodes.
func (g *Graph) cut() error {
	if g.sched != nil {
		return nil
	}
	first := 0
	for _, last := range g.pauses {
		if last == first || last == g.graph.Len() {
			continue
		}
		if err := g.appendPart(first, last); err != nil {
			return err
		}
		first = last
	}
	if first == 0 {
		return nil
	}
	return g.appendPart(first, g.graph.Len())
}

// appendPart appends nodes [first, last) to the parts.
func (g *Graph) appendPart(first, last int) error {
	ctx, err := g.lib.NewContext(0, last-first)
	if err != nil {
		return fmt.Errorf("part of %d nodes: %w", last-first, err)
	}
	g.parts = append(g.parts, part{ctx, g.graph.Part(ctx, first, last)})
	return nil
}

// closeParts frees the parts' lists of nodes.
func (g *Graph) closeParts() {
	for _, p := range g.parts {
		p.ctx.Close()
	}
}

// ComputeInParts is Compute with a call of pause at each place that was marked
// by Pause, where other graphs of the backend may be computed. An error of pause
// ends the computation. With a nil pause, and for another device than the CPU,
// there are none.
func (g *Graph) ComputeInParts(ctx context.Context, pause func() error) error {
	if err := g.beginCompute(); err != nil {
		return err
	}
	if len(g.parts) == 0 || pause == nil {
		return g.computeWhole(ctx)
	}
	for i, p := range g.parts {
		if i > 0 {
			if err := pause(); err != nil {
				return err
			}
		}
		if err := g.run(ctx, func() bindings.Status { return g.backend.main.Compute(p.graph) }); err != nil {
			return err
		}
	}
	return g.endCompute()
}
