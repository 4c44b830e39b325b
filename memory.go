package paligemma

import (
	"context"
	"fmt"
	"math"

	"github.com/pgcli/paligemma/gguf"
)

// Memory is what a model holds, in bytes, as ggml and the kernels count it, and the
// descriptions of graphs.
type Memory struct {
	Weights  int `json:"weights"`  // in the layout of the kernels, or mapped from the file
	Session  int `json:"session"`  // the key-value cache of a session
	Sessions int `json:"sessions"` // open sessions
	Steps    int `json:"steps"`    // intermediate results of answers: graphs that are kept, for all sessions
	Picture  int `json:"picture"`  // intermediate results while a picture is encoded; one is at a time
	Prompt   int `json:"prompt"`   // intermediate results while a prompt about a picture is read; one is at a time
}

// Total is the memory while all sessions are in use.
func (m Memory) Total() int {
	return m.Weights + m.Sessions*m.Session + m.Steps + max(m.Picture, m.Prompt)
}

// Estimate tells what the model in the GGUF file at path will hold while a number
// of answers are generated at a time: Sessions is that number, and Steps the most
// that their graphs take. The weights are not read. The end of ctx ends it with its cause.
func Estimate(ctx context.Context, path string, opts *Options, answers int) (Memory, error) {
	if ctx == nil {
		return Memory{}, fmt.Errorf("paligemma: %s: %w", path, errNilContext)
	}
	if answers < 1 || answers > 1<<10 {
		return Memory{}, fmt.Errorf("paligemma: estimate: %d answers, want 1 to %d", answers, 1<<10)
	}
	text, err := gguf.Open(ctx, path)
	if err != nil {
		return Memory{}, fmt.Errorf("paligemma: %w", err)
	}
	m, err := (&Model{files: []*gguf.File{text}, estimates: true}).open(ctx, text, opts)
	if err != nil {
		return Memory{}, fmt.Errorf("paligemma: %s: %w", path, err)
	}
	defer m.Close()
	size, err := m.estimate(ctx, answers)
	if err != nil {
		return Memory{}, fmt.Errorf("paligemma: %s: %w", path, err)
	}
	return size, nil
}

// promptTokens is the length of the text that Memory measures a prompt with.
const promptTokens = 32

// Memory measures what the model holds now and what a picture and a prompt will
// add. It computes nothing, but takes the memory of a picture for a moment, after the
// pictures and prompts before it; the end of ctx ends the wait with its cause.
// Config.WeightBytes is there at once.
func (m *Model) Memory(ctx context.Context) (Memory, error) {
	if err := m.hold(); err != nil {
		return Memory{}, err
	}
	defer m.release()
	size := Memory{Session: m.cacheBytes(), Weights: m.cfg.WeightBytes}
	m.mu.Lock()
	size.Sessions = m.caches / size.Session
	m.mu.Unlock()
	err := m.turns.Task(ctx, func(_ context.Context, pause func() error) error {
		size.Steps = m.decoder.Bytes()
		g, _, _, err := m.newTower()
		if err != nil {
			return err
		}
		size.Picture = g.Bytes()
		g.Close()
		if err := pause(); err != nil {
			return err
		}
		size.Prompt, err = m.decoder.PrefixBytes(m.cfg.ImageTokens, promptTokens)
		return err
	})
	if err != nil {
		return Memory{}, fmt.Errorf("paligemma: memory: %w", err)
	}
	return size, nil
}

// cacheBytes returns the bytes of a session's cache.
func (m *Model) cacheBytes() int { return m.cfg.text.CacheBytes(m.opts.Context, m.opts.CacheF32) }

// reserveCache counts the cache of a session in, or refuses it. If those of calls whose context
// ended are about to make room for it, it waits for them, until its own ctx ends.
func (m *Model) reserveCache(ctx context.Context) error {
	n, most := m.cacheBytes(), m.cacheLimit()
	m.mu.Lock()
	defer m.mu.Unlock()
	defer context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.ended.Broadcast()
	})()
	for n > most-m.caches && n <= most-m.caches+m.closing {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m.ended.Wait()
	}
	if n > most-m.caches {
		return fmt.Errorf("%w: a cache of %d tokens takes %s, those of open sessions %s, of at most %s: close sessions, or set Options.Context, CacheMemory or MemoryLimit",
			ErrNoMemory, m.opts.Context, megabytes(n), megabytes(m.caches), megabytes(most))
	}
	m.caches += n
	return nil
}

// releaseCache counts it out.
func (m *Model) releaseCache() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.caches -= m.cacheBytes()
}

// cacheLimit returns the most bytes of all caches.
func (m *Model) cacheLimit() int {
	rest := math.MaxInt // of Options.MemoryLimit
	if n := m.opts.MemoryLimit; n > 0 && m.planned.Weights > 0 {
		rest = n - (m.planned.Total() - m.planned.Sessions*m.planned.Session)
	}
	if m.opts.CacheMemory > 0 {
		return min(rest, m.opts.CacheMemory)
	}
	if rest < math.MaxInt {
		return rest
	}
	if _, total := m.device.Memory(); total > 0 {
		return int(min(total/2, math.MaxInt))
	}
	return math.MaxInt
}

// megabytes spells a number of bytes.
func megabytes(n int) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
