// Package lfs recognizes the pointers that git leaves in place of large files
// when git-lfs is not installed: text files of some 130 bytes.
package lfs

import (
	"bytes"
	"errors"
)

// Prefix starts every pointer, by git-lfs's specification.
const Prefix = "version https://git-lfs.github.com/spec/"

// ErrPointer reports a file that is a pointer.
var ErrPointer = errors.New("is a git-lfs pointer, a note of some 130 bytes in place of the file: fetch the file with \"git lfs pull\" in its folder, or with \"hf download REPOSITORY\"")

// Check returns ErrPointer if a file that starts with head is a pointer.
func Check(head []byte) error {
	if bytes.HasPrefix(head, []byte(Prefix)) {
		return ErrPointer
	}
	return nil
}
