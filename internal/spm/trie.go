package spm

import (
	"cmp"
	"slices"
)

// A trie finds, for every place of a text, the longest of a set of strings that starts
// there, in one pass from the end of the text to its start: the automaton of Aho and Corasick
// (Efficient string matching, 1975), over the strings from their ends. So the time
// does not grow with the strings' length. The zero value is empty.
type trie struct {
	next   map[edge]int32 // node 0 is the root
	depth  []int32        // by node: bytes read
	length []int32        // by node: of the longest string of the set that starts with the bytes read; 0 if none does
	fail   []int32        // by node: the deepest other node whose bytes start with those read last
	last   [256]bool      // bytes that leave the root, to reject most at once
}

// An edge leaves a node with a byte.
type edge struct {
	node int32
	b    byte
}

// insert adds s, which is not empty. After the last one, link.
func (t *trie) insert(s string) {
	if t.next == nil {
		t.next, t.depth, t.length = make(map[edge]int32), make([]int32, 1), make([]int32, 1)
	}
	t.last[s[len(s)-1]] = true
	node := int32(0)
	for i := len(s) - 1; i >= 0; i-- {
		e := edge{node, s[i]}
		child, ok := t.next[e]
		if !ok {
			child = int32(len(t.depth))
			t.next[e], t.depth, t.length = child, append(t.depth, t.depth[node]+1), append(t.length, 0)
		}
		node = child
	}
	t.length[node] = int32(len(s))
}

// link completes a trie.
func (t *trie) link() {
	edges := make([]edge, 0, len(t.next))
	for e := range t.next {
		edges = append(edges, e)
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(t.depth[a.node], t.depth[b.node]) })
	t.fail = make([]int32, len(t.depth))
	for _, e := range edges {
		child := t.next[e]
		if e.node != 0 {
			t.fail[child] = t.step(t.fail[e.node], e.b)
		}
		if t.length[child] == 0 {
			t.length[child] = t.length[t.fail[child]]
		}
	}
}

// step returns the node after a byte.
func (t *trie) step(node int32, b byte) int32 {
	for {
		if child, ok := t.next[edge{node, b}]; ok || node == 0 {
			return child
		}
		node = t.fail[node]
	}
}

// longest returns for each byte of a text the length in bytes of the longest string of the set
// that starts there, or 0; nil if there is none anywhere.
func (t *trie) longest(text string) []int32 {
	var found []int32
	node := int32(0)
	for i := len(text) - 1; i >= 0; i-- {
		b := text[i]
		if node == 0 && !t.last[b] {
			continue
		}
		node = t.step(node, b)
		if n := t.length[node]; n > 0 {
			if found == nil {
				found = make([]int32, len(text))
			}
			found[i] = n
		}
	}
	return found
}
