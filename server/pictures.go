package server

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"runtime"
	"sync"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/guard"
)

// pictures encodes pictures, each once while it is remembered: the key is the hash of
// the file's bytes, as a model prepares all pictures in one way. The soft tokens are
// remembered, and never keys and values of a prompt: a picture's tokens see the
// prompt, so that they differ from prompt to prompt.
type pictures struct {
	model  *paligemma.Model
	most   int64         // bytes of soft tokens remembered
	each   int64         // bytes of a picture's soft tokens
	reads  chan struct{} // holds an element for each picture that may be decoded at a time
	ctx    context.Context
	count  func(result string)
	works  sync.WaitGroup
	mu     sync.Mutex
	known  map[hash]*list.Element // of recent
	recent *list.List             // remembered pictures, the last used first
	coming map[hash]*coming
}

// A hash is of a picture file's bytes.
type hash [sha256.Size]byte

// A memory is a picture that was encoded.
type memory struct {
	key     hash
	encoded *paligemma.Image
}

// A coming is a picture that is being encoded, for all who wait for it.
type coming struct {
	done    chan struct{} // closed at its end
	waiting int
	cancel  context.CancelFunc
	encoded *paligemma.Image
	err     error
}

// newPictures returns a cache whose works end with ctx. count hears of each picture:
// "hit", "shared" or "miss".
func newPictures(ctx context.Context, m *paligemma.Model, most int64, count func(string)) *pictures {
	c := m.Config()
	return &pictures{model: m, most: most, each: 4 * int64(c.ImageTokens) * int64(c.Width), ctx: ctx, count: count,
		reads: make(chan struct{}, runtime.GOMAXPROCS(0)), known: map[hash]*list.Element{}, recent: list.New(), coming: map[hash]*coming{}}
}

// encode returns the soft tokens of a picture file. Requests that ask for one picture
// at a time have it encoded once, and each may leave without the others: the work goes on
// while one waits for it, and ends with the last. ctx is the request's; the error of a
// wrong file is the same for all who share it, and is not remembered.
func (p *pictures) encode(ctx context.Context, file []byte) (*paligemma.Image, error) {
	key := hash(sha256.Sum256(file))
	p.mu.Lock()
	if e, ok := p.known[key]; ok {
		p.recent.MoveToFront(e)
		p.mu.Unlock()
		p.count("hit")
		return e.Value.(memory).encoded, nil
	}
	c, ok := p.coming[key]
	result := "shared"
	if !ok {
		result = "miss"
		c = p.start(key, file)
	}
	c.waiting++
	p.mu.Unlock()
	p.count(result)
	select {
	case <-c.done:
		return c.encoded, c.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		c.cancel()
		if p.coming[key] == c { // whoever comes now must not share its end
			delete(p.coming, key)
		}
	}
	return nil, context.Cause(ctx)
}

// start begins to encode a picture, on a goroutine that works knows: no one client's
// context may end it. The caller holds the lock.
func (p *pictures) start(key hash, file []byte) *coming {
	ctx, cancel := context.WithCancel(p.ctx)
	c := &coming{done: make(chan struct{}), cancel: cancel}
	p.coming[key] = c
	p.works.Go(func() {
		defer cancel()
		c.err = guard.Run(func() (err error) {
			c.encoded, err = p.work(ctx, file)
			return err
		})
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.coming[key] == c {
			delete(p.coming, key)
		}
		if c.err == nil {
			p.remember(key, c.encoded)
		}
		close(c.done)
	})
	return c
}

// work decodes and encodes a picture. A decoded picture may take much memory, so few
// are at a time, also if their clients have left.
func (p *pictures) work(ctx context.Context, file []byte) (*paligemma.Image, error) {
	select {
	case p.reads <- struct{}{}:
		defer func() { <-p.reads }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	img, err := p.model.ReadImageContext(ctx, bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return p.model.Encode(ctx, img)
}

// remember keeps a picture, and forgets those that were not used for longest. The
// caller holds the lock.
func (p *pictures) remember(key hash, encoded *paligemma.Image) {
	if _, ok := p.known[key]; ok {
		return
	}
	p.known[key] = p.recent.PushFront(memory{key, encoded})
	for p.bytes() > p.most {
		last := p.recent.Back()
		delete(p.known, p.recent.Remove(last).(memory).key)
	}
}

// bytes returns the bytes that are remembered. The caller holds the lock.
func (p *pictures) bytes() int64 { return int64(p.recent.Len()) * p.each }

// held is bytes for callers without the lock.
func (p *pictures) held() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes()
}
