package gguf

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits that reader and writer share, so that nothing written is refused later.
const (
	// MaxDims is the largest number of dimensions of a tensor, as in ggml.
	MaxDims = 4
	// MaxNameLen is the longest tensor name in bytes: ggml keeps 64 with the
	// closing zero, and refuses a file that has a longer one.
	MaxNameLen = 63
	// MaxKeyLen is the longest metadata key in bytes, from the specification.
	MaxKeyLen = 1<<16 - 1
	// MaxTensors is the largest number of tensors. The largest PaliGemma has 700.
	MaxTensors = 1 << 16
	// MaxKeys is the largest number of metadata keys. Models have some 50.
	MaxKeys = 1 << 16
	// DefaultAlignment is the alignment of tensor data in bytes, when the key
	// general.alignment does not say another.
	DefaultAlignment = 32

	// A tokenizer.json inside a string is about 30 MiB; a header with the
	// 257152 pieces of PaliGemma about 8 MiB. Bounding both keeps a sparse
	// file of terabytes from being taken at its word.
	maxString = 64 << 20
	maxHeader = 1 << 30

	// The specification wants multiples of 8; larger values only waste space.
	minAlignment = 8
	maxAlignment = 1 << 20

	alignmentKey = "general.alignment"
)

const magic = "GGUF"

// checkName checks a metadata key or a tensor name. ggml holds both as C
// strings, where a zero byte would make two different names equal.
func checkName(name string, maxLen int) error {
	switch {
	case name == "":
		return errors.New("name is empty")
	case len(name) > maxLen:
		return fmt.Errorf("name of %d bytes is longer than %d", len(name), maxLen)
	case !utf8.ValidString(name):
		return errors.New("name is not UTF-8")
	case strings.IndexByte(name, 0) >= 0:
		return errors.New("name holds a zero byte")
	}
	return nil
}

// checkAlignment checks the value of general.alignment.
func checkAlignment(n uint32) error {
	if n < minAlignment || n > maxAlignment || n&(n-1) != 0 {
		return fmt.Errorf("alignment %d is not a power of two from %d to %d", n, minAlignment, maxAlignment)
	}
	return nil
}

// alignUp returns the smallest multiple of align that is at least n. align is
// a power of two; n is at most a file's size, so that the sum stays an int64.
func alignUp(n, align int64) int64 { return (n + align - 1) &^ (align - 1) }
