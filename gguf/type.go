package gguf

import (
	"fmt"
	"math"
	"strings"
)

// A Type is the storage format of a tensor's elements. The values are those of
// ggml's enum ggml_type. Gaps are formats that ggml has removed.
type Type uint32

// The tensor types, under ggml's names.
const (
	F32     Type = 0
	F16     Type = 1
	Q4_0    Type = 2
	Q4_1    Type = 3
	Q5_0    Type = 6
	Q5_1    Type = 7
	Q8_0    Type = 8
	Q8_1    Type = 9
	Q2_K    Type = 10
	Q3_K    Type = 11
	Q4_K    Type = 12
	Q5_K    Type = 13
	Q6_K    Type = 14
	Q8_K    Type = 15
	IQ2_XXS Type = 16
	IQ2_XS  Type = 17
	IQ3_XXS Type = 18
	IQ1_S   Type = 19
	IQ4_NL  Type = 20
	IQ3_S   Type = 21
	IQ2_S   Type = 22
	IQ4_XS  Type = 23
	I8      Type = 24
	I16     Type = 25
	I32     Type = 26
	I64     Type = 27
	F64     Type = 28
	IQ1_M   Type = 29
	BF16    Type = 30
	TQ1_0   Type = 34
	TQ2_0   Type = 35
	MXFP4   Type = 39
)

// A blockFormat says how many elements share a block and how many bytes the
// block takes.
type blockFormat struct {
	name  string
	elems int
	bytes int
}

// formats is indexed by Type; unused values have no name. The sums follow the
// order of the fields in a block: scales and minimums first, then the packed
// quants (the low bits and, where a format splits them, the high bits).
var formats = [...]blockFormat{
	F32:     {"f32", 1, 4},
	F16:     {"f16", 1, 2},
	Q4_0:    {"q4_0", 32, 2 + 16},
	Q4_1:    {"q4_1", 32, 2 + 2 + 16},
	Q5_0:    {"q5_0", 32, 2 + 4 + 16},
	Q5_1:    {"q5_1", 32, 2 + 2 + 4 + 16},
	Q8_0:    {"q8_0", 32, 2 + 32},
	Q8_1:    {"q8_1", 32, 2 + 2 + 32},
	Q2_K:    {"q2_K", 256, 16 + 64 + 2 + 2},
	Q3_K:    {"q3_K", 256, 32 + 64 + 12 + 2},
	Q4_K:    {"q4_K", 256, 2 + 2 + 12 + 128},
	Q5_K:    {"q5_K", 256, 2 + 2 + 12 + 32 + 128},
	Q6_K:    {"q6_K", 256, 128 + 64 + 16 + 2},
	Q8_K:    {"q8_K", 256, 4 + 256 + 32},
	IQ2_XXS: {"iq2_xxs", 256, 2 + 64},
	IQ2_XS:  {"iq2_xs", 256, 2 + 64 + 8},
	IQ3_XXS: {"iq3_xxs", 256, 2 + 96},
	IQ1_S:   {"iq1_s", 256, 2 + 32 + 16},
	IQ4_NL:  {"iq4_nl", 32, 2 + 16},
	IQ3_S:   {"iq3_s", 256, 2 + 64 + 8 + 32 + 4},
	IQ2_S:   {"iq2_s", 256, 2 + 64 + 8 + 8},
	IQ4_XS:  {"iq4_xs", 256, 2 + 2 + 4 + 128},
	I8:      {"i8", 1, 1},
	I16:     {"i16", 1, 2},
	I32:     {"i32", 1, 4},
	I64:     {"i64", 1, 8},
	F64:     {"f64", 1, 8},
	IQ1_M:   {"iq1_m", 256, 32 + 16 + 8},
	BF16:    {"bf16", 1, 2},
	TQ1_0:   {"tq1_0", 256, 48 + 4 + 2},
	TQ2_0:   {"tq2_0", 256, 64 + 2},
	MXFP4:   {"mxfp4", 32, 1 + 16},
}

// Valid reports whether t is a type this package knows.
func (t Type) Valid() bool { return int64(t) < int64(len(formats)) && formats[t].name != "" }

// String returns ggml's name, such as "f16" or "q4_K", or "type(n)" when t is
// not valid.
func (t Type) String() string {
	if !t.Valid() {
		return fmt.Sprintf("type(%d)", uint32(t))
	}
	return formats[t].name
}

// BlockSize returns the number of elements in a block, 1 for plain types and 0
// when t is not valid. A row is a whole number of blocks.
func (t Type) BlockSize() int {
	if !t.Valid() {
		return 0
	}
	return formats[t].elems
}

// BlockBytes returns the number of bytes in a block, 0 when t is not valid.
func (t Type) BlockBytes() int {
	if !t.Valid() {
		return 0
	}
	return formats[t].bytes
}

// Quantized reports whether a block of t packs several elements.
func (t Type) Quantized() bool { return t.BlockSize() > 1 }

// RowBytes returns the number of bytes that n elements take, of which only
// whole blocks count; 0 when t is not valid. It checks nothing: see Size.
func (t Type) RowBytes(n int) int {
	if !t.Valid() {
		return 0
	}
	return n / t.BlockSize() * t.BlockBytes()
}

// Size returns the number of bytes that a tensor of type t takes, given its
// dimensions in ggml order. No dimension at all means a single element. It
// fails when t is not valid, there are more than [MaxDims] dimensions, one is
// not positive, the first is not a multiple of the block size, or the result
// overflows.
func (t Type) Size(shape ...int) (int64, error) {
	if !t.Valid() {
		return 0, fmt.Errorf("tensor type %d is unknown", uint32(t))
	}
	if len(shape) > MaxDims {
		return 0, fmt.Errorf("%d dimensions, at most %d are allowed", len(shape), MaxDims)
	}
	row := 1 // elements
	if len(shape) > 0 {
		row = shape[0]
	}
	if row%t.BlockSize() != 0 {
		return 0, fmt.Errorf("rows of %d elements are not a multiple of the %d in a block of %v", row, t.BlockSize(), t)
	}
	size := int64(t.BlockBytes())
	for i, n := range shape {
		// ggml divides by these numbers, so that a zero would crash it.
		if n <= 0 {
			return 0, fmt.Errorf("dimension %d of shape %v is not positive", i, shape)
		}
		factor := int64(n)
		if i == 0 {
			factor /= int64(t.BlockSize())
		}
		// ggml counts elements in an int64, whatever a block's bytes are.
		if size > math.MaxInt64/int64(t.BlockSize())/factor {
			return 0, fmt.Errorf("shape %v of type %v overflows", shape, t)
		}
		size *= factor
	}
	return size, nil
}

// ParseType returns the type with the given name in any case, such as "Q4_K".
func ParseType(name string) (Type, error) {
	for t, f := range formats {
		if f.name != "" && strings.EqualFold(f.name, name) {
			return Type(t), nil
		}
	}
	return 0, fmt.Errorf("gguf: unknown tensor type %s", quote(name))
}
