package gguf

import (
	"errors"
	"fmt"
)

// ErrNotFound is returned, wrapped, for a key or tensor that a file lacks.
var ErrNotFound = errors.New("not in the file")

// A FormatError reports bytes that are not a valid GGUF file.
type FormatError struct {
	Offset  int64  // of the offending field, in bytes from the start of the file
	Entry   string // `key "general.name"` or `tensor "output.weight"`; empty for the file's own fields
	Problem string
}

func (e *FormatError) Error() string {
	if e.Entry == "" {
		return fmt.Sprintf("gguf: byte %d: %s", e.Offset, e.Problem)
	}
	return fmt.Sprintf("gguf: byte %d: %s: %s", e.Offset, e.Entry, e.Problem)
}

// A TypeError reports a metadata key that holds another type than was asked
// for. The types are named as in Go: "uint32", "[]string".
type TypeError struct {
	Key  string
	Want string
	Got  string
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("gguf: key %s holds %s, want %s", quote(e.Key), e.Got, e.Want)
}

// quote quotes a name from a file, shortened: a key may have 65535 bytes.
func quote(name string) string { return fmt.Sprintf("%.100q", name) }

func keyEntry(key string) string     { return "key " + quote(key) }
func tensorEntry(name string) string { return "tensor " + quote(name) }
