package bindings

import "fmt"

// A Type is ggml's tensor element type. The numbers are those of GGUF files.
type Type int32

// The types this project reads, writes or computes with.
const (
	F32   Type = 0
	F16   Type = 1
	Q4_0  Type = 2
	Q5_0  Type = 6
	Q8_0  Type = 8
	Q2_K  Type = 10
	Q3_K  Type = 11
	Q4_K  Type = 12
	Q5_K  Type = 13
	Q6_K  Type = 14
	IQ4NL Type = 20
	IQ4XS Type = 23
	I32   Type = 26
	I64   Type = 27
	BF16  Type = 30
)

var typeNames = map[Type]string{
	F32: "f32", F16: "f16", BF16: "bf16", I32: "i32", I64: "i64",
	Q4_0: "q4_0", Q5_0: "q5_0", Q8_0: "q8_0",
	Q2_K: "q2_K", Q3_K: "q3_K", Q4_K: "q4_K", Q5_K: "q5_K", Q6_K: "q6_K",
	IQ4NL: "iq4_nl", IQ4XS: "iq4_xs",
}

// Block and byte sizes of ggml's types. They are part of the GGUF format, so
// they are known without an engine; a test compares them with ggml's own.
var typeSizes = map[Type]struct{ block, bytes int }{
	F32: {1, 4}, F16: {1, 2}, BF16: {1, 2}, I32: {1, 4}, I64: {1, 8},
	Q4_0: {32, 18}, Q5_0: {32, 22}, Q8_0: {32, 34},
	Q2_K: {256, 84}, Q3_K: {256, 110}, Q4_K: {256, 144}, Q5_K: {256, 176}, Q6_K: {256, 210},
	IQ4NL: {32, 18}, IQ4XS: {256, 136},
}

// String returns ggml's name for t.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type(%d)", int32(t))
}

// Known reports whether t is one of the types above.
func (t Type) Known() bool { _, ok := typeSizes[t]; return ok }

// Block returns the number of elements in a block of t; 0 if t is unknown.
func (t Type) Block() int { return typeSizes[t].block }

// BlockBytes returns the size of a block of t in bytes; 0 if t is unknown.
func (t Type) BlockBytes() int { return typeSizes[t].bytes }

// RowBytes returns the size of n elements of t, a whole number of blocks.
func (t Type) RowBytes(n int) int {
	s := typeSizes[t]
	if s.block == 0 {
		return 0
	}
	return n / s.block * s.bytes
}

// Quantized reports whether t packs several elements in a block.
func (t Type) Quantized() bool { return t.Block() > 1 }

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

// A DeviceType says what kind of processor a device is.
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
