package bindings

import (
	"math"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

func TestNewRefuses(t *testing.T) {
	lib := anyDoor(t)
	for _, n := range [][2]int{{-1, 0}, {0, -1}, {contextLimit + 1, 0}, {0, math.MaxInt}} {
		_, err := lib.NewContext(n[0], n[1])
		wants(t, "context", err, "want 0 to")
	}
	c, err := lib.NewContext(8, 0)
	must(t, err)
	defer c.Close()
	for name, x := range map[string]Tensor{
		"no axes": c.New(gguf.F32), "five axes": c.New(gguf.F32, 1, 1, 1, 1, 1), "negative axis": c.New(gguf.F32, 4, -1),
		"unknown type": c.New(gguf.Type(99), 4), "removed type": c.New(gguf.Type(4), 32), "part of a block": c.New(gguf.Q4_K, 128),
	} {
		if x.Valid() {
			t.Errorf("%s: made a tensor of %d bytes", name, x.Bytes())
		}
	}
}
