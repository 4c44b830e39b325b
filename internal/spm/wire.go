package spm

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A field is one field of a protobuf message: its number, wire type and, still
// encoded, its value.
type field struct {
	number protowire.Number
	wire   protowire.Type
	value  []byte
}

// eachField calls f for the fields of a message in order. f must ignore fields that
// it does not know, as protobuf asks. Errors begin with name.
func eachField(message []byte, name string, f func(field) error) error {
	for rest := message; len(rest) > 0; {
		at := len(message) - len(rest)
		number, wire, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return fmt.Errorf("%s, byte %d: %w", name, at, protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(number, wire, rest[n:])
		if size < 0 {
			return fmt.Errorf("%s, byte %d, field %d: %w", name, at, number, protowire.ParseError(size))
		}
		if err := f(field{number, wire, rest[n : n+size]}); err != nil {
			return fmt.Errorf("%s, byte %d: %w", name, at, err)
		}
		rest = rest[n+size:]
	}
	return nil
}

// expect returns an error if the field has another wire type than its definition.
func (f field) expect(wire protowire.Type) error {
	if f.wire != wire {
		return fmt.Errorf("field %d has wire type %d, want %d", f.number, f.wire, wire)
	}
	return nil
}

// bytes returns the content of a length-delimited field. It is whole: eachField has
// checked the length.
func (f field) bytes() ([]byte, error) {
	if err := f.expect(protowire.BytesType); err != nil {
		return nil, err
	}
	b, _ := protowire.ConsumeBytes(f.value)
	return b, nil
}

// message calls g for the fields of a nested message.
func (f field) message(name string, g func(field) error) error {
	b, err := f.bytes()
	if err != nil {
		return err
	}
	return eachField(b, name, g)
}

// text stores a string.
func (f field) text(to *string) error {
	b, err := f.bytes()
	*to = string(b)
	return err
}

// length stores the length of a bytes field.
func (f field) length(to *int) error {
	b, err := f.bytes()
	*to = len(b)
	return err
}

// varint stores an integer or an enum.
func (f field) varint(to *uint64) error {
	if err := f.expect(protowire.VarintType); err != nil {
		return err
	}
	*to, _ = protowire.ConsumeVarint(f.value)
	return nil
}

// flag stores a bool.
func (f field) flag(to *bool) error {
	var v uint64
	err := f.varint(&v)
	*to = v != 0
	return err
}

// float stores a float.
func (f field) float(to *float32) error {
	if err := f.expect(protowire.Fixed32Type); err != nil {
		return err
	}
	bits, _ := protowire.ConsumeFixed32(f.value)
	*to = math.Float32frombits(bits)
	return nil
}
