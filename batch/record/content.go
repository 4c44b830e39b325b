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

// An Outcome decides which of two records of a question stays.
type Outcome struct {
	Of     Content // what the record is about
	Failed bool
}

// Outcome returns the outcome of a record.
func (r *Record) Outcome() Outcome { return Outcome{ContentOf(r.SHA256), r.Error != nil} }

// Mends reports whether a record is an answer in place of a failure.
func (o Outcome) Mends(had Outcome) bool { return had.Failed && !o.Failed }

// Replaces reports whether a record takes the place of an earlier one of its question: it
// mends that, or is about other bytes, as the picture has changed.
func (o Outcome) Replaces(had Outcome) bool {
	return o.Mends(had) || o.Of != Unread && had.Of != Unread && o.Of != had.Of
}
