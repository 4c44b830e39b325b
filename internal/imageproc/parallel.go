package imageproc

import (
	"runtime"
	"sync"
)

// bands calls f on ranges [lo, hi) that partition [0, n), one for each processor, at the
// same time. f must write only inside its range. If one panics, bands does when all have
// ended: the caller cannot recover on their goroutines.
func bands(n int, f func(lo, hi int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		f(0, n)
		return
	}
	var wg sync.WaitGroup
	var failed sync.Once
	var failure any
	for i := range workers {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					failed.Do(func() { failure = p })
				}
			}()
			f(i*n/workers, (i+1)*n/workers)
		})
	}
	wg.Wait()
	if failure != nil {
		panic(failure)
	}
}
