package kernels

import "math"

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

// best defines a Best.
func best(scores []float32, softcap float64) Best {
	b := Best{Top: float32(math.Inf(-1))}
	capped := make([]float64, len(scores))
	for i, s := range scores {
		if s-s != 0 {
			return Best{Top: float32(math.NaN())}
		}
		capped[i] = float64(s)
		if softcap > 0 {
			capped[i] = softcap * math.Tanh(float64(s)/softcap)
		}
		if capped[i] > float64(b.Top) {
			b.Top, b.Row = float32(capped[i]), float32(i)
		}
	}
	sum := 0.0
	for _, s := range capped {
		sum += math.Exp(s - float64(b.Top))
	}
	b.Sum = float32(sum)
	return b
}
