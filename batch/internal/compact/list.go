// Package compact holds millions of small things: without pointers, which the garbage
// collector would follow, and in parts that stay where they are when more are added.
package compact

import "iter"

// A List holds things by their numbers from 0. The zero value is empty.
type List[T any] struct{ parts [][]T }

// partLen is the number of things of a part. The last one may have fewer.
const partLen = 1 << 12

// Len returns the number of things.
func (l *List[T]) Len() int {
	if len(l.parts) == 0 {
		return 0
	}
	last := len(l.parts) - 1
	return last*partLen + len(l.parts[last])
}

// At returns thing i. The pointer holds until the next Append.
func (l *List[T]) At(i int) *T { return &l.parts[i/partLen][i%partLen] }

// Append adds a thing, whose number is Len.
func (l *List[T]) Append(v T) {
	last := len(l.parts) - 1
	switch {
	case last < 0:
		l.parts, last = append(l.parts, nil), 0 // grows as a slice does: most lists are short
	case len(l.parts[last]) == partLen:
		l.parts, last = append(l.parts, make([]T, 0, partLen)), last+1
	}
	l.parts[last] = append(l.parts[last], v)
}

// All yields the things with their numbers.
func (l *List[T]) All() iter.Seq2[int, *T] {
	return func(yield func(int, *T) bool) {
		for i := range l.Len() {
			if !yield(i, l.At(i)) {
				return
			}
		}
	}
}
