package kernels

// visible returns the places of the keys that a row sees, in their order.
func (p Place) visible() []int {
	var keys []int
	for i := range p.Shared {
		keys = append(keys, int(i))
	}
	for i := p.From; i < p.To; i++ {
		keys = append(keys, int(i))
	}
	return keys
}

// step defines the result of one row of Steps, [e, h], after all rows are written:
// attend over the keys that the row sees.
func step(p Place, h, hk, e int, scale, softcap float64, q func(head, channel int) float64, k, v func(place, head, channel int) float64) []float64 {
	keys := p.visible()
	return attend(1, len(keys), h, hk, e, scale, softcap,
		func(_, head, channel int) float64 { return q(head, channel) },
		func(j, head, channel int) float64 { return k(keys[j], head, channel) },
		func(j, head, channel int) float64 { return v(keys[j], head, channel) }, nil)
}
