package gguf

import (
	"encoding/binary"
	"fmt"
)

// A Value is a Go type that metadata can hold. Each has exactly one form in
// the file: a scalar is its own type, a slice is an array of that type.
type Value interface {
	uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64 | bool | string |
		[]uint8 | []int8 | []uint16 | []int16 | []uint32 | []int32 | []uint64 | []int64 | []float32 | []float64 | []bool | []string
}

// A Kind is the type of a metadata scalar, or of an array's elements. The
// values are those of ggml's enum gguf_type, where 9 stands for arrays.
type Kind uint32

// The kinds of metadata, under the names of the Go types that hold them.
const (
	Uint8   Kind = 0
	Int8    Kind = 1
	Uint16  Kind = 2
	Int16   Kind = 3
	Uint32  Kind = 4
	Int32   Kind = 5
	Float32 Kind = 6
	Bool    Kind = 7
	String  Kind = 8
	array   Kind = 9 // in files only: a Key has its element's Kind and a flag
	Uint64  Kind = 10
	Int64   Kind = 11
	Float64 Kind = 12
)

// kinds is indexed by Kind. size is in bytes, 0 when it varies.
var kinds = [...]struct {
	name string
	size int
}{
	Uint8: {"uint8", 1}, Int8: {"int8", 1}, Uint16: {"uint16", 2}, Int16: {"int16", 2},
	Uint32: {"uint32", 4}, Int32: {"int32", 4}, Float32: {"float32", 4}, Bool: {"bool", 1},
	String: {"string", 0}, array: {"array", 0},
	Uint64: {"uint64", 8}, Int64: {"int64", 8}, Float64: {"float64", 8},
}

// String returns the name of the Go type, or "kind(n)" for an unknown kind.
func (k Kind) String() string {
	if !k.known() {
		return fmt.Sprintf("kind(%d)", uint32(k))
	}
	return kinds[k].name
}

func (k Kind) known() bool { return int64(k) < int64(len(kinds)) }

// typeName returns the Go type of a value: "uint32", or "[]uint32".
func typeName(k Kind, isArray bool) string {
	if isArray {
		return "[]" + k.String()
	}
	return k.String()
}

// kindOf returns the file form of v, and false when v is not a [Value].
func kindOf(v any) (k Kind, isArray, ok bool) {
	switch v.(type) {
	case uint8:
		return Uint8, false, true
	case int8:
		return Int8, false, true
	case uint16:
		return Uint16, false, true
	case int16:
		return Int16, false, true
	case uint32:
		return Uint32, false, true
	case int32:
		return Int32, false, true
	case uint64:
		return Uint64, false, true
	case int64:
		return Int64, false, true
	case float32:
		return Float32, false, true
	case float64:
		return Float64, false, true
	case bool:
		return Bool, false, true
	case string:
		return String, false, true
	case []uint8:
		return Uint8, true, true
	case []int8:
		return Int8, true, true
	case []uint16:
		return Uint16, true, true
	case []int16:
		return Int16, true, true
	case []uint32:
		return Uint32, true, true
	case []int32:
		return Int32, true, true
	case []uint64:
		return Uint64, true, true
	case []int64:
		return Int64, true, true
	case []float32:
		return Float32, true, true
	case []float64:
		return Float64, true, true
	case []bool:
		return Bool, true, true
	case []string:
		return String, true, true
	}
	return 0, false, false
}

// decodeNumbers returns the n numbers of kind k in data, as a slice when they
// are an array.
func decodeNumbers(data []byte, k Kind, n int, isArray bool) any {
	switch k {
	case Uint8:
		return decode[uint8](data, n, isArray)
	case Int8:
		return decode[int8](data, n, isArray)
	case Uint16:
		return decode[uint16](data, n, isArray)
	case Int16:
		return decode[int16](data, n, isArray)
	case Uint32:
		return decode[uint32](data, n, isArray)
	case Int32:
		return decode[int32](data, n, isArray)
	case Uint64:
		return decode[uint64](data, n, isArray)
	case Int64:
		return decode[int64](data, n, isArray)
	case Float32:
		return decode[float32](data, n, isArray)
	case Float64:
		return decode[float64](data, n, isArray)
	default: // parsing let no other kind through
		return decode[bool](data, n, isArray)
	}
}

// decode makes a new slice: values do not share memory with the file, so that
// they outlive it.
func decode[T any](data []byte, n int, isArray bool) any {
	v := make([]T, n)
	// Decode fails only when data is too short, and the caller sized it.
	if _, err := binary.Decode(data, binary.LittleEndian, v); err != nil {
		panic(err)
	}
	if isArray {
		return v
	}
	return v[0]
}
