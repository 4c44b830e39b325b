package kernels

// RunRows is the number of rows of a run.
const RunRows = 64

// RunFloats is the number of float32 of a stored Run.
const RunFloats = 3

// A Run holds the softmax statistics of the scores of a run of rows. Max is NaN
// if not all scores are finite.
type Run struct {
	Max    float32 // greatest score
	Argmax int     // its row, counted from the run's first; the first of equals
	SumExp float32 // sum of exp(score - Max)
}

// RunOf reads a Run from where a Rows stored it.
func RunOf(stored []float32) Run {
	return Run{Max: stored[0], Argmax: int(stored[1]), SumExp: stored[2]}
}
