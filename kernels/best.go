package kernels

// RunRows is how many rows a Best sums up.
const RunRows = 64

// BestFloats is the size of a Best, in float32.
const BestFloats = 3

// A Best is what the scores of a run of rows come to: the greatest, its row
// counted from the run's first, and the sum of exp(score - Top). Top is NaN if
// not all scores are finite.
type Best struct{ Top, Row, Sum float32 }

// BestOf reads a Best from where a Rows stored it.
func BestOf(stored []float32) Best { return Best{stored[0], stored[1], stored[2]} }
