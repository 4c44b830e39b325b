package kernels

import "math"

// runStats defines a Run.
func runStats(scores []float32, softcap float64) Run {
	r := Run{Max: float32(math.Inf(-1))}
	capped := make([]float64, len(scores))
	for i, s := range scores {
		if s-s != 0 {
			return Run{Max: float32(math.NaN())}
		}
		capped[i] = float64(s)
		if softcap > 0 {
			capped[i] = softcap * math.Tanh(float64(s)/softcap)
		}
		if capped[i] > float64(r.Max) {
			r.Max, r.Argmax = float32(capped[i]), i
		}
	}
	sum := 0.0
	for _, s := range capped {
		sum += math.Exp(s - float64(r.Max))
	}
	r.SumExp = float32(sum)
	return r
}
