package record

import "strconv"

// A Content identifies the bytes of a picture: the first 8 of their SHA-256.
type Content uint64

// Unread is the Content of a picture that was not read.
const Unread Content = 0

// ContentOf returns what a record's SHA256 says; Unread for what is no digest.
func ContentOf(sha256 string) Content {
	if len(sha256) < 16 {
		return Unread
	}
	n, err := strconv.ParseUint(sha256[:16], 16, 64)
	if err != nil {
		return Unread
	}
	return Content(n)
}
