package kernels

import "math"

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
