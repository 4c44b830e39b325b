package overlay

import "context"

// paceSteps is how many steps of some 50 ns are done between two looks at a context.
const paceSteps = 1 << 14

// A pace looks at a context once in paceSteps steps, the first included.
type pace struct {
	ctx   context.Context
	steps int
}

// step counts a step. The error is the context's cause, at the steps that look.
func (p *pace) step() error {
	p.steps++
	if p.steps%paceSteps == 1 {
		return context.Cause(p.ctx)
	}
	return nil
}
