package grammar

import (
	"cmp"
	"slices"
)

// A node is a place in a trie, a tree of token sequences.
type node struct {
	ids      []int32 // that may come next, ascending
	children []*node // after each of ids
	ends     end     // whether a sequence ends here
}

// An end says what follows a sequence, as bits: both may.
type end uint

const (
	endOfAnswer end = 1 << iota
	nextObject
)

// A sequence is a list of tokens, and what follows it.
type sequence struct {
	ids  []int32
	ends end
}

// newTrie returns the root of a trie of sequences, whose order it changes. Of sorted
// sequences each new child is the last one: else a node with many would move them all for
// each that is added.
func newTrie(all []sequence) *node {
	slices.SortFunc(all, func(a, b sequence) int { return slices.Compare(a.ids, b.ids) })
	root := &node{}
	for _, s := range all {
		root.add(s.ids, s.ends)
	}
	return root
}

// add adds a sequence.
func (n *node) add(ids []int32, e end) {
	for _, id := range ids {
		i, found := slices.BinarySearch(n.ids, id)
		if !found {
			n.ids = slices.Insert(n.ids, i, id)
			n.children = slices.Insert(n.children, i, &node{})
		}
		n = n.children[i]
	}
	n.ends |= e
}

// child returns the node after an id, nil if the id may not come.
func (n *node) child(id int32) *node {
	if i, found := slices.BinarySearch(n.ids, id); found {
		return n.children[i]
	}
	return nil
}

// next returns the ids that continue a sequence.
func (n *node) next() []Range {
	return Ranges(n.ids...)
}

// only is the range of one id.
func only(id int32) Range { return Range{id, id + 1} }

// sorted puts ranges in order, and joins those that touch or overlap.
func sorted(all ...Range) []Range {
	slices.SortFunc(all, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	joined := all[:0]
	for _, r := range all {
		if n := len(joined); n > 0 && r.First <= joined[n-1].Last {
			joined[n-1].Last = max(joined[n-1].Last, r.Last)
		} else {
			joined = append(joined, r)
		}
	}
	return joined
}
