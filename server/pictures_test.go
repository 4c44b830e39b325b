package server

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"math/rand/v2"
	"sync"
	"testing"
)

// noise returns the file of a picture, another for each number.
func noise(t testing.TB, n uint64) []byte {
	t.Helper()
	img, r := image.NewGray(image.Rect(0, 0, 40, 30)), rand.New(rand.NewPCG(n, 1))
	for i := range img.Pix {
		img.Pix[i] = uint8(r.Uint32())
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.Bytes()
}

// TestPicturesAreEncodedOnce for all who ask at a time and later, within the bound.
func TestPicturesAreEncodedOnce(t *testing.T) {
	m := openTiny(t)
	counts, lock := map[string]int{}, sync.Mutex{}
	c := m.Config()
	each := int64(4 * c.ImageTokens * c.Width)
	p := newPictures(t.Context(), m, 3*each, func(r string) { lock.Lock(); defer lock.Unlock(); counts[r]++ })
	for range cap(p.reads) { // hold the work back until all wait
		p.reads <- struct{}{}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := p.encode(t.Context(), noise(t, 0)); err != nil {
				t.Error(err)
			}
		})
	}
	left, cancel := context.WithCancel(t.Context())
	all.Go(func() {
		if _, err := p.encode(left, noise(t, 0)); !errors.Is(err, context.Canceled) {
			t.Errorf("who leaves has %v", err)
		}
	})
	count := func(r string) int { lock.Lock(); defer lock.Unlock(); return counts[r] }
	until(t, "all wait", func() bool { return count("miss")+count("shared") == 9 })
	cancel()
	for range cap(p.reads) {
		<-p.reads
	}
	all.Wait()
	if counts["miss"] != 1 {
		t.Errorf("counts %v, want one miss", counts)
	}
	for i := range uint64(5) {
		_, err := p.encode(t.Context(), noise(t, i))
		must(t, err)
		if p.held() > 3*each {
			t.Errorf("%d bytes are held, want at most %d", p.held(), 3*each)
		}
	}
	_, err := p.encode(t.Context(), noise(t, 4))
	must(t, err)
	if counts["hit"] != 2 || counts["miss"] != 5 { // of pictures 0 at first, and 4 at last
		t.Errorf("counts %v", counts)
	}
	p.works.Wait()
}

// TestPictureThatNobodyWaitsFor is given up, and the next who asks gets it.
func TestPictureThatNobodyWaitsFor(t *testing.T) {
	p := newPictures(t.Context(), openTiny(t), 0, func(string) {})
	for range cap(p.reads) {
		p.reads <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.encode(ctx, noise(t, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	p.works.Wait()
	for range cap(p.reads) {
		<-p.reads
	}
	if _, err := p.encode(t.Context(), noise(t, 1)); err != nil {
		t.Error(err)
	}
	if p.held() != 0 {
		t.Errorf("%d bytes are held of a cache of none", p.held())
	}
	p.works.Wait()
}
