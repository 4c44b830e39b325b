package paligemma

import (
	"fmt"
	"math"
)

// reserveCache counts the cache of a session in, or refuses it.
func (m *Model) reserveCache() error {
	n, most := m.cfg.text.CacheBytes(m.opts.Context, m.opts.CacheF32), m.cacheLimit()
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > most-m.caches {
		return fmt.Errorf("%w: a cache of %d tokens takes %s; those of other sessions take %s, of at most %s: close sessions, or set Options.Context or CacheMemory",
			ErrNoMemory, m.opts.Context, megabytes(n), megabytes(m.caches), megabytes(most))
	}
	m.caches += n
	return nil
}

// releaseCache counts it out.
func (m *Model) releaseCache() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.caches -= m.cfg.text.CacheBytes(m.opts.Context, m.opts.CacheF32)
}

// cacheLimit returns the most bytes of all caches.
func (m *Model) cacheLimit() int {
	if m.opts.CacheMemory > 0 {
		return m.opts.CacheMemory
	}
	if _, total := m.device.Memory(); total > 0 {
		return int(total / 2)
	}
	return math.MaxInt
}

// megabytes spells a number of bytes.
func megabytes(n int) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
