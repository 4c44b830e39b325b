package compact

import (
	"encoding/binary"
	"hash/maphash"
)

// Texts hold texts: their bytes, and one or two more for each. The zero value is empty.
type Texts struct{ parts [][]byte }

// A Ref is where a text is among Texts: the number of its part, and the byte in it.
type Ref uint64

// Sizes of parts in bytes: the first is small, as most Texts are few.
const (
	leastPart = 1 << 10
	mostPart  = 1 << 18
)

// Add adds a text.
func (t *Texts) Add(text string) Ref {
	last, need := len(t.parts)-1, len(text)+binary.MaxVarintLen64
	if last < 0 || cap(t.parts[last])-len(t.parts[last]) < need {
		last++
		size := max(need, min(mostPart, leastPart<<min(2*last, 20)))
		t.parts = append(t.parts, make([]byte, 0, size))
	}
	part := t.parts[last]
	ref := Ref(last)<<32 | Ref(len(part))
	part = binary.AppendUvarint(part, uint64(len(text)))
	t.parts[last] = append(part, text...)
	return ref
}

// At returns a text, which must not be changed.
func (t *Texts) At(r Ref) []byte {
	part := t.parts[r>>32][uint32(r):]
	n, used := binary.Uvarint(part)
	return part[used : used+int(n)]
}

var seed = maphash.MakeSeed() // the same for all texts of a process

// Hash returns the hash of a text for an Index.
func Hash(text []byte) uint32 { return uint32(maphash.Bytes(seed, text)) }
