package bindings

import (
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// TestTypes holds the types of package gguf against ggml's.
func TestTypes(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		for _, typ := range known {
			if got := lib.fn.typeName(typ); got != typ.String() {
				t.Errorf("type %d is %s in ggml, %v here", typ, got, typ)
			}
			if got := lib.fn.isQuantized(typ); got != typ.Quantized() {
				t.Errorf("%v: quantized is %v in ggml", typ, got)
			}
			if got := lib.fn.rowSize(typ, 768); int(got) != typ.RowBytes(768) {
				t.Errorf("%v: 768 elements are %d bytes in ggml, %d here", typ, got, typ.RowBytes(768))
			}
		}
	})
	if x := gguf.Type(99); Known(x) || x.String() != "type(99)" || x.RowBytes(32) != 0 || x.Quantized() {
		t.Error("type 99 is known")
	}
}

// TestNames covers the words that errors and pgcli print.
func TestNames(t *testing.T) {
	for s, want := range map[Status]string{Success: "success", Failed: "failed", AllocFailed: "out of memory", Aborted: "aborted", 9: "status 9"} {
		if s.String() != want {
			t.Errorf("status %d is %q, want %q", s, s, want)
		}
	}
	for d, want := range map[DeviceType]string{CPU: "cpu", GPU: "gpu", Integrated: "igpu", Accel: "accel", 4: "kind 4"} {
		if d.String() != want {
			t.Errorf("device type %d is %q, want %q", d, d, want)
		}
	}
}
