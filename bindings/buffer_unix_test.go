//go:build unix

package bindings

import (
	"math"
	"syscall"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

func TestPlaceAndBorrow(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		dev := cpu(t, lib)
		_, err := dev.Borrow(nil, 0)
		wants(t, "nothing", err, "borrow 0 bytes")
		_, err = dev.BufferType().Alloc(-1)
		wants(t, "negative size", err, "-1 bytes")

		page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		must(t, err)
		defer func() { must(t, syscall.Munmap(page)) }()
		_, err = dev.Borrow(page[4:], 64)
		wants(t, "crooked start", err, "4 mod 32")

		b, err := dev.Borrow(page, 64)
		must(t, err)
		defer b.Close()
		c, err := lib.NewContext(8, 0)
		must(t, err)
		defer c.Close()
		x := c.New(gguf.F32, 16)
		for _, offset := range []int{-1, 4096, 4033, math.MaxInt, math.MinInt} {
			wants(t, "place", b.Place(x, offset), "tensor of 64 bytes at offset")
		}
		wants(t, "too big", b.Place(c.New(gguf.F32, 1025), 0), "tensor of 4100 bytes")
		wants(t, "no tensor", b.Place(Tensor{}, 0), "no tensor")
		wants(t, "a result", b.Place(c.Sqr(x), 0), "computed")
		must(t, b.Place(x, 4032))
		wants(t, "twice", b.Place(x, 0), "memory already")
		must(t, Set(x, 0, []byte{1, 2, 3}))
		if page[4034] != 3 || b.Bytes() != 4096 {
			t.Error("the tensor is not in the borrowed memory")
		}
		b.Clear(9)
		if page[4034] != 9 || page[0] != 9 {
			t.Error("Clear did not fill the memory")
		}
	})
}
