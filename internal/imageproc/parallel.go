package imageproc

import (
	"runtime"
	"sync"
)

// bands calls f on ranges [lo, hi) that partition [0, n), one for each processor, at the
// same time. f must write only inside its range.
func bands(n int, f func(lo, hi int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		f(0, n)
		return
	}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { f(i*n/workers, (i+1)*n/workers) })
	}
	wg.Wait()
}
