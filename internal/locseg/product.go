package locseg

// product sets dst [m, n] to a [m, k] times b [n, k] transposed, plus bias [n].
// It computes four rows by two columns at a time: their sums fit a processor's
// registers.
func product(dst, a, b, bias []float32, k int) {
	n := len(bias)
	m := len(a) / k
	for i := 0; i < m; i += 4 {
		if m-i < 4 {
			for ; i < m; i++ {
				for j := range n {
					dst[i*n+j] = bias[j] + dot(a[i*k:][:k], b[j*k:][:k])
				}
			}
			return
		}
		a0, a1, a2, a3 := a[i*k:][:k], a[(i+1)*k:][:k], a[(i+2)*k:][:k], a[(i+3)*k:][:k]
		j := 0
		for ; j+2 <= n; j += 2 {
			b0, b1 := b[j*k:][:k], b[(j+1)*k:][:k]
			var s00, s01, s10, s11, s20, s21, s30, s31 float32
			for x, v := range b0 {
				w := b1[x]
				p, q, r, s := a0[x], a1[x], a2[x], a3[x]
				s00 += p * v
				s01 += p * w
				s10 += q * v
				s11 += q * w
				s20 += r * v
				s21 += r * w
				s30 += s * v
				s31 += s * w
			}
			c := bias[j : j+2]
			for y, s := range [4][2]float32{{s00, s01}, {s10, s11}, {s20, s21}, {s30, s31}} {
				d := dst[(i+y)*n+j:][:2]
				d[0], d[1] = c[0]+s[0], c[1]+s[1]
			}
		}
		for ; j < n; j++ {
			for y := range 4 {
				dst[(i+y)*n+j] = bias[j] + dot(a[(i+y)*k:][:k], b[j*k:][:k])
			}
		}
	}
}

// dot is the inner product of two vectors of the same length.
func dot(a, b []float32) (sum float32) {
	b = b[:len(a)]
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
