package newfile

import (
	"fmt"
	"os"
)

// Scratch creates a file in the folder of temporary files, to write and read. Close removes
// it, and so does the end of the process, even if that is killed, where files can be removed
// that are open. The caller must Close it.
func Scratch() (*File, error) {
	f, err := os.CreateTemp("", "pgcli-*")
	if err != nil {
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	_ = os.Remove(f.Name()) // fails on Windows, where Close does it
	return &File{File: f}, nil
}
