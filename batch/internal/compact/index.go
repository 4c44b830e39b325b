package compact

// An Index finds numbers of things by hashes of the things, which it does not hold: 5 to
// 11 bytes for each. The zero value is empty.
type Index struct {
	slots []uint32 // numbers plus 1, from the place that the hash says on; 0 for none
	n     int
}

// leastSlots is the length of the first slots, a power of 2 as all others.
const leastSlots = 1 << 6

// Find returns the number of the thing with a hash that is the wanted one.
func (x *Index) Find(hash uint32, wanted func(n int) bool) (n int, ok bool) {
	if x.n == 0 {
		return 0, false
	}
	mask := uint32(len(x.slots) - 1)
	for at := hash & mask; x.slots[at] != 0; at = (at + 1) & mask {
		if n := int(x.slots[at] - 1); wanted(n) {
			return n, true
		}
	}
	return 0, false
}

// Add adds the number of a thing that Find does not find. hash returns the hash of each
// thing that was added, and of this one.
func (x *Index) Add(n int, hash func(n int) uint32) {
	if 4*(x.n+1) > 3*len(x.slots) {
		old := x.slots
		x.slots = make([]uint32, max(leastSlots, 2*len(old)))
		for _, s := range old {
			if s != 0 {
				x.put(s, hash(int(s-1)))
			}
		}
	}
	x.put(uint32(n+1), hash(n))
	x.n++
}

func (x *Index) put(slot, hash uint32) {
	mask := uint32(len(x.slots) - 1)
	at := hash & mask
	for x.slots[at] != 0 {
		at = (at + 1) & mask
	}
	x.slots[at] = slot
}
