package batch

import (
	"encoding/binary"
	"iter"
	"sync"

	"github.com/pgcli/paligemma/batch/internal/compact"
	"github.com/pgcli/paligemma/batch/record"
)

// An index knows the records of a file, and the questions of a run: some 50 bytes for
// each, whatever its name. It is safe for concurrent use.
type index struct {
	mu      sync.Mutex
	entries compact.List[entry]  // in the order in which keys are seen
	numbers compact.Index        // of entries, by key
	asked   compact.List[uint32] // numbers of entries, in the order of the questions
	records int
	failed  int // of these
	stale   int // lines that a later one replaces
}

// An entry is a question, with the place of its record.
type entry struct {
	key record.Key
	place
}

// A place is where the record of a question lies in the file.
type place struct {
	start  int64
	of     record.Content
	length int32 // of the line; 0 if there is no record
	failed bool
	asked  bool // the question is one of the run's
}

// placeOf returns the place of a record that lies from start.
func placeOf(r *record.Record, start, length int64) place {
	o := r.Outcome()
	return place{start: start, of: o.Of, length: int32(length), failed: o.Failed}
}

func (p place) outcome() record.Outcome { return record.Outcome{Of: p.of, Failed: p.failed} }

func hash(k record.Key) uint32 { return binary.LittleEndian.Uint32(k[:]) }

// number returns the number of a key's entry.
func (x *index) number(k record.Key) (n int, ok bool) {
	return x.numbers.Find(hash(k), func(n int) bool { return x.entries.At(n).key == k })
}

// entry returns the entry of a key, which it adds if it is new. The caller has the lock.
func (x *index) entry(k record.Key) (e *entry, n int) {
	n, ok := x.number(k)
	if !ok {
		n = x.entries.Len()
		x.entries.Append(entry{key: k})
		x.numbers.Add(n, func(n int) uint32 { return hash(x.entries.At(n).key) })
	}
	return x.entries.At(n), n
}

// find returns the place of a record.
func (x *index) find(k record.Key) (at place, known bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n, ok := x.number(k)
	if !ok {
		return place{}, false
	}
	e := x.entries.At(n)
	return e.place, e.length > 0
}

// note notes a record. Of several with a key the last counts: a question is asked again
// only if it failed, or if its picture has changed.
func (x *index) note(k record.Key, at place) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, _ := x.entry(k)
	if e.length > 0 {
		x.stale++
	} else {
		x.records++
	}
	if e.failed {
		x.failed--
	}
	if at.failed {
		x.failed++
	}
	at.asked = e.asked
	e.place = at
}

// ask notes a question of a run, and reports whether the run has not asked it before.
func (x *index) ask(k record.Key) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, n := x.entry(k)
	if e.asked {
		return false
	}
	e.asked = true
	x.asked.Append(uint32(n))
	return true
}

// restart forgets the questions of the last run.
func (x *index) restart() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, n := range x.asked.All() {
		x.entries.At(int(*n)).asked = false
	}
	x.asked = compact.List[uint32]{}
}

// order yields the places of the records in the order of the questions, and those of
// other questions after them. Nothing else may use the index meanwhile.
func (x *index) order() iter.Seq[place] {
	return func(yield func(place) bool) {
		for _, n := range x.asked.All() {
			if e := x.entries.At(int(*n)); e.length > 0 && !yield(e.place) {
				return
			}
		}
		for _, e := range x.entries.All() {
			if e.length > 0 && !e.asked && !yield(e.place) {
				return
			}
		}
	}
}

// failures returns the number of questions whose records are failures.
func (x *index) failures() (n int) {
	for _, at := range x.asked.All() {
		if x.entries.At(int(*at)).failed {
			n++
		}
	}
	return n
}
