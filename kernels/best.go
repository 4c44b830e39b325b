package kernels

// RunRows is the number of rows of a run.
const RunRows = 64

// BestFloats is the number of float32 of a stored Best.
const BestFloats = 3

// A Best holds the softmax statistics of the scores of a run of rows: the greatest
// score, its row counted from the run's first, and the sum of exp(score - Top). Top
// is NaN if not all scores are finite.
type Best struct{ Top, Row, Sum float32 }

// BestOf reads a Best from where a Rows stored it.
func BestOf(stored []float32) Best { return Best{stored[0], stored[1], stored[2]} }
