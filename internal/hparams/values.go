package hparams

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/gguf"
)

// An entry is a variable of the type that its key has in a file, without bounds.
type entry[T gguf.Value] struct{ p *T }

func (e entry[T]) get() any { return *e.p }

func (e entry[T]) read(f *gguf.File, key string) (err error) {
	*e.p, err = gguf.Get[T](f, key)
	return err
}

func (e entry[T]) check(string) error { return nil }

// A number is a finite float32 of at least least, or above it.
type number struct {
	entry[float32]
	least float32
	above bool // least itself is out of bounds
}

func atLeast(p *float32, least float32) number { return number{entry[float32]{p}, least, false} }
func above(p *float32, least float32) number   { return number{entry[float32]{p}, least, true} }

func (n number) check(key string) error {
	v := *n.p // every comparison with NaN is false
	switch {
	case v <= math.MaxFloat32 && (v > n.least || v == n.least && !n.above):
		return nil
	case n.above:
		return fmt.Errorf("%s is %v, want a finite number above %v", key, v, n.least)
	}
	return fmt.Errorf("%s is %v, want a finite number of %v or more", key, v, n.least)
}

// Limits of soft caps and of the factor of queries: within them no quotient of two is
// infinite or loses digits. Gemma 2 has caps of 50 and 30 and a factor of 1/16.
const (
	leastCap  = 1e-9
	mostScale = 1e9
)

// A scale is a number above 0 and at most mostScale.
type scale struct{ number }

func scaleOf(p *float32) scale { return scale{above(p, 0)} }

func (s scale) check(key string) error {
	if v := *s.p; v > mostScale && v <= math.MaxFloat32 {
		return fmt.Errorf("%s is %v, want a number above 0, at most %v", key, v, float32(mostScale))
	}
	return s.number.check(key)
}

// A softCap is 0 for none, or a number from leastCap to mostScale.
type softCap struct{ entry[float32] }

func capOf(p *float32) softCap { return softCap{entry[float32]{p}} }

func (c softCap) check(key string) error {
	if v := *c.p; v == 0 || v >= leastCap && v <= mostScale {
		return nil
	}
	return fmt.Errorf("%s is %v, want 0 for no cap, or a number from %v to %v", key, *c.p, float32(leastCap), float32(mostScale))
}

// A word is one of a few strings.
type word struct {
	entry[string]
	want []string
}

func oneOf(p *string, want ...string) word { return word{entry[string]{p}, want} }

func (w word) check(key string) error {
	if !slices.Contains(w.want, *w.p) {
		return fmt.Errorf("%s is %.40q, want %s", key, *w.p, strings.Join(w.want, " or "))
	}
	return nil
}

// A count is a size from 1 to most. The file has a uint32.
type count struct {
	p    *int
	most int
}

func size(p *int) count { return count{p, maxSize} }

func (c count) get() any { return uint32(*c.p) }

func (c count) read(f *gguf.File, key string) error {
	n, err := gguf.Get[uint32](f, key)
	*c.p = int(n) // negative, and so out of bounds, for a large one in an int of 32 bits
	return err
}

func (c count) check(key string) error {
	if *c.p < 1 || *c.p > c.most {
		return fmt.Errorf("%s is %d, want 1 to %d", key, *c.p, c.most)
	}
	return nil
}

// A layers is a count of transformer blocks. A file cannot have more of them than
// tensors.
type layers struct{ count }

func blocks(p *int) layers { return layers{count{p, maxLayers}} }

func (l layers) read(f *gguf.File, key string) error {
	if err := l.count.read(f, key); err != nil {
		return err
	}
	if n := len(f.Tensors()); l.check(key) == nil && *l.p > n {
		return fmt.Errorf("%s is %d, the file has %d tensors in all", key, *l.p, n)
	}
	return nil
}

// A channels holds one number each for red, green and blue, which must be 0.5:
// package imageproc scales pixels to -1 to 1, and nothing else.
type channels struct{ p *[3]float32 }

func (c channels) get() any { return slices.Clone(c.p[:]) }

func (c channels) read(f *gguf.File, key string) error {
	v, err := gguf.Get[[]float32](f, key)
	if err == nil && len(v) != len(c.p) {
		return fmt.Errorf("%s has %d numbers, want %d", key, len(v), len(c.p))
	}
	copy(c.p[:], v)
	return err
}

func (c channels) check(key string) error {
	if *c.p != [3]float32{0.5, 0.5, 0.5} {
		return fmt.Errorf("%s is %.3v, want 0.5 three times: pixels are scaled to -1 to 1", key, *c.p)
	}
	return nil
}

// A token is the id of a piece. The file has a uint32. Package spm checks that
// there is such a piece.
type token struct{ p *int32 }

func (t token) get() any { return uint32(*t.p) }

func (t token) read(f *gguf.File, key string) error {
	n, err := gguf.Get[uint32](f, key)
	if err == nil && n > math.MaxInt32 {
		return fmt.Errorf("%s is %d, want an id of a token", key, n)
	}
	*t.p = int32(n)
	return err
}

func (t token) check(string) error { return nil }

// A fixed is written for other programs and never read, so that a file may lack it.
// It follows from other keys or is the same in all models.
type fixed struct{ v any }

func (x fixed) get() any                      { return x.v }
func (x fixed) read(*gguf.File, string) error { return nil }
func (x fixed) check(string) error            { return nil }

// An optional describes a part that models may lack; their files lack the key. A
// read of such a file keeps the value of the variable.
type optional struct {
	value
	there bool
}

func (o optional) get() any {
	if !o.there {
		return nil
	}
	return o.value.get()
}

func (o optional) read(f *gguf.File, key string) error {
	if !f.Has(key) {
		return nil
	}
	if err := o.value.read(f, key); err != nil {
		return err
	}
	return o.value.check(key) // there was set before the file was read
}

func (o optional) check(key string) error {
	if !o.there {
		return nil
	}
	return o.value.check(key)
}
