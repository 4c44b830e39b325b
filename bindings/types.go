package bindings

import (
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/gguf"
)

// known are the types of tensors that this project computes with, or quantizes
// to. Package gguf has the table of all types; Open compares these with the
// engine's own.
var known = []gguf.Type{
	gguf.F32, gguf.F16, gguf.BF16, gguf.I32, gguf.I64,
	gguf.Q4_0, gguf.Q5_0, gguf.Q8_0,
	gguf.Q2_K, gguf.Q3_K, gguf.Q4_K, gguf.Q5_K, gguf.Q6_K,
	gguf.IQ4_NL, gguf.IQ4_XS,
}

// Known reports whether tensors of type t can be computed with.
func Known(t gguf.Type) bool { return slices.Contains(known, t) }

// A Status is the outcome of computing a graph (enum ggml_status).
type Status int32

// Outcomes of a computation.
const (
	AllocFailed Status = -2
	Failed      Status = -1
	Success     Status = 0
	Aborted     Status = 1
)

// String names s in words.
func (s Status) String() string {
	switch s {
	case AllocFailed:
		return "out of memory"
	case Failed:
		return "failed"
	case Success:
		return "success"
	case Aborted:
		return "aborted"
	}
	return fmt.Sprintf("status %d", int32(s))
}

// A DeviceType is the kind of processor of a device.
type DeviceType int32

// Kinds of devices (enum ggml_backend_dev_type). Newer libraries may have
// others, for example several devices acting as one.
const (
	CPU        DeviceType = 0
	GPU        DeviceType = 1
	Integrated DeviceType = 2
	Accel      DeviceType = 3
)

// String names t as pgcli prints it.
func (t DeviceType) String() string {
	switch t {
	case CPU:
		return "cpu"
	case GPU:
		return "gpu"
	case Integrated:
		return "igpu"
	case Accel:
		return "accel"
	}
	return fmt.Sprintf("kind %d", int32(t))
}
