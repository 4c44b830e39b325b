package imageproc

import (
	"context"
	"runtime"
	"sync"
)

// between is how many pixels are worked on between two looks at a context: at most some
// 20 ms.
const between = 1 << 20

// bands calls f on ranges [lo, hi) that partition [0, n), on all processors at the same
// time, until ctx ends. A line of the ranges stands for so many pixels. f must write only
// inside its range. If one panics, bands does when all have ended: the caller cannot
// recover on their goroutines.
func bands(ctx context.Context, n, pixels int, f func(lo, hi int)) {
	most := max(between/max(pixels, 1), 1)
	band := func(lo, hi int) {
		for ; lo < hi && ctx.Err() == nil; lo += most {
			f(lo, min(lo+most, hi))
		}
	}
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		band(0, n)
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
			band(i*n/workers, (i+1)*n/workers)
		})
	}
	wg.Wait()
	if failure != nil {
		panic(failure)
	}
}
