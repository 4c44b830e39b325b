package spm

// A trie finds the longest of a set of strings at the start of a text.
// The zero value is empty.
type trie struct {
	next  map[edge]int32 // node 0 is the root
	final []bool         // by node: a string of the set ends here
	first [256]bool      // bytes that leave the root, to reject most texts at once
}

// An edge leaves a node with a byte.
type edge struct {
	node int32
	b    byte
}

// insert adds s, which is not empty.
func (t *trie) insert(s string) {
	if t.next == nil {
		t.next, t.final = make(map[edge]int32), make([]bool, 1)
	}
	t.first[s[0]] = true
	node := int32(0)
	for i := range len(s) {
		e := edge{node, s[i]}
		child, ok := t.next[e]
		if !ok {
			child = int32(len(t.final))
			t.next[e], t.final = child, append(t.final, false)
		}
		node = child
	}
	t.final[node] = true
}

// longest returns the length in bytes of the longest string of the set that text
// starts with, or 0.
func (t *trie) longest(text string) int {
	if text == "" || !t.first[text[0]] {
		return 0
	}
	length, node := 0, int32(0)
	for i := range len(text) {
		child, ok := t.next[edge{node, text[i]}]
		if !ok {
			break
		}
		if node = child; t.final[node] {
			length = i + 1
		}
	}
	return length
}
