package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
)

// A Reference says where the bytes of an Item lie, for a program that reads them later,
// perhaps on another machine.
type Reference struct {
	// File is the path of the file that has the bytes; of an object in a bucket its name,
	// s3://bucket/key. The Item's name is File alone, or File, # and a member.
	File string `json:"file"`

	// Version is another one if the bytes may have changed: 16 hexadecimal digits.
	Version string `json:"version"`

	Start  int64  `json:"start,omitempty"`  // of a tar archive: the byte at which the member's header was found
	Column string `json:"column,omitempty"` // of a Parquet file: the column of the pictures
}

// Version returns the Reference.Version of bytes by what is known about them.
func Version(known ...any) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%#v", known)))
	return hex.EncodeToString(sum[:8])
}

// FileVersion returns the Reference.Version of a file's bytes: by its size and the time of
// its last change.
func FileVersion(info fs.FileInfo) string {
	return Version(info.Size(), info.ModTime().UnixNano())
}
