package compact

import (
	"fmt"
	"strings"
	"testing"
)

// TestAllStaysFound: lists, texts and their index agree with a map, over many parts and
// growths, with texts of all lengths and hashes that are equal.
func TestAllStaysFound(t *testing.T) {
	for _, same := range []bool{false, true} {
		var (
			list  List[Ref]
			texts Texts
			index Index
			want  = map[string]int{}
			n     = 3*partLen + 1
		)
		if same {
			n = 500
		}
		hash := func(i int) uint32 {
			if same {
				return ^uint32(0) // the last slot: what follows begins at the first
			}
			return Hash(texts.At(*list.At(i)))
		}
		find := func(text string) (int, bool) {
			h := Hash([]byte(text))
			if same {
				h = ^uint32(0)
			}
			return index.Find(h, func(i int) bool { return string(texts.At(*list.At(i))) == text })
		}
		for i := range n {
			text := fmt.Sprint(i)
			if i%1000 == 7 {
				text += strings.Repeat("x", i*100) // longer than a part in the end
			}
			if _, ok := find(text); ok {
				t.Fatalf("%.20q is found before it is added", text)
			}
			list.Append(texts.Add(text))
			index.Add(i, hash)
			want[text] = i
		}
		if list.Len() != n {
			t.Errorf("%d texts, want %d", list.Len(), n)
		}
		for text, i := range want {
			if got, ok := find(text); !ok || got != i {
				t.Fatalf("%.20q has number %d, %v, want %d", text, got, ok, i)
			}
		}
		for i, r := range list.All() {
			if text := string(texts.At(*r)); want[text] != i {
				t.Fatalf("text %d is %.20q", i, text)
			}
		}
		if _, ok := find(""); ok {
			t.Error("a text that was not added is found")
		}
	}
}
