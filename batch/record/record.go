// Package record holds the records that pgcli batch writes: one line of JSON for each
// picture and prompt, whether it was answered or failed.
//
//	key     text of 32 hexadecimal digits: identifies image, prompt, model and options
//	image   name of the picture as it was given: photo.jpg, a.tar#member.jpg,
//	        v.mp4#t=2.000, f.parquet#row, s3://bucket/photo.jpg
//	sha256  digest of the picture's bytes, hexadecimal; a frame's is of its PPM file
//	width   of the picture in pixels, upright
//	height
//	time    seconds from the start; frames of videos only
//	prompt  as it was asked
//	model   digest of the model, hexadecimal
//	ms      milliseconds from the prompt to the end of the answer, answers beside it
//	        included
//	masks   a mask for each of objects, as large as the picture, as COCO's compressed
//	        RLE ({"size":[height,width],"counts":"..."}), or null; left out if none has one
//	error   kind and message, of a picture that was not answered
//
// The other members are the answer's, as pgcli run --json prints it: text, tokens,
// objects, problems, stop, timings. A record has either these or error. sha256, width
// and height are left out if the picture was not read so far.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/jsonerr"
	"github.com/pgcli/paligemma/internal/jsonl"
	"github.com/pgcli/paligemma/internal/overlay"
)

// A Record is the answer to a prompt about a picture, or why there is none. The
// package's documentation lists its members.
type Record struct {
	Key    string           `json:"key"`
	Image  string           `json:"image"`
	SHA256 string           `json:"sha256,omitempty"`
	Width  int              `json:"width,omitempty"`
	Height int              `json:"height,omitempty"`
	Time   *float64         `json:"time,omitempty"` // seconds; nil unless the picture is a frame
	Prompt paligemma.Prompt `json:"prompt"`
	Model  string           `json:"model"`

	*paligemma.Result // nil if Error is not; its objects have codes, but no Mask

	MS    float64  `json:"ms,omitempty"`
	Masks []*Mask  `json:"masks,omitempty"` // one for each of Objects, or none at all
	Error *Failure `json:"error,omitempty"`
}

// A Mask is a mask as large as its picture, in COCO's compressed form.
type Mask = overlay.RLE

// A Failure says why a picture was not answered.
type Failure struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`
}

// A Kind is a kind of failure.
type Kind string

// Kinds of failures.
const (
	KindRead     Kind = "read"     // the picture's bytes were not read: no file, no permission, a broken archive
	KindDecode   Kind = "decode"   // they are no picture, or one that is broken, too large or of a format that is not read
	KindContext  Kind = "context"  // picture and prompt take more tokens than the context has
	KindInternal Kind = "internal" // the model failed
	KindWorker   Kind = "worker"   // programs of a fleet were killed or stalled while they asked, again and again
)

// ErrTorn reports a last line without an end: whoever wrote it was stopped meanwhile.
var ErrTorn = jsonl.ErrTorn

// ErrTooLarge is about a record with more bytes or values than a line may have.
var ErrTooLarge = jsonl.ErrTooLarge

// Encode returns a record as a line of JSON with its end. One that Decode would refuse is an
// error, an ErrTooLarge for a very long answer.
func Encode(r *Record) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	line, err := jsonl.Encode(r)
	if err != nil {
		return nil, fmt.Errorf("the record of %.200q and prompt %.60q: %w", r.Image, r.Prompt, err)
	}
	if err := jsonl.Check(line); err != nil {
		return nil, fmt.Errorf("the record of %.200q and prompt %.60q %w", r.Image, r.Prompt, err)
	}
	return line, nil
}

// Append writes a record to w, as one line in one Write.
func Append(w io.Writer, r *Record) error {
	line, err := Encode(r)
	if err != nil {
		return err
	}
	_, err = w.Write(line)
	return err
}

// Decode reads the record of a line, of at most 64 MiB and 62,000 JSON values. Members that a
// Record does not have are passed over.
func Decode(line []byte) (*Record, error) {
	if err := jsonl.Check(line); err != nil {
		return nil, fmt.Errorf("no record: it %w", err)
	}
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, jsonerr.Explain(line, err)
	}
	if r.Error != nil && r.Result != nil && r.Text == "" && r.Stop == "" { // a member of the answer that is null
		r.Result = nil
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w, in %.60q", err, bytes.TrimSpace(line))
	}
	return &r, nil
}

// check refuses a record without its required members.
func (r *Record) check() error {
	for _, m := range []struct{ name, value string }{{"key", r.Key}, {"image", r.Image}, {"prompt", string(r.Prompt)}, {"model", r.Model}} {
		if m.value == "" {
			return fmt.Errorf("no record: it has no %s", m.name)
		}
	}
	switch {
	case r.Error == nil && (r.Result == nil || r.Stop == ""):
		return errors.New("no record: it has neither an answer (text and stop) nor an error")
	case r.Error != nil && r.Result != nil:
		return errors.New("no record: it has an answer and an error")
	case r.Error != nil && (r.Error.Kind == "" || r.Error.Message == ""):
		return errors.New("no record: its error has no kind or no message")
	case r.Width < 0 || r.Height < 0:
		return fmt.Errorf("no record: the size of its picture is %d x %d", r.Width, r.Height)
	case r.Masks != nil && (r.Result == nil || len(r.Masks) != len(r.Objects)):
		return fmt.Errorf("no record: it has %d masks, want one for each of its objects, or none", len(r.Masks))
	}
	return nil
}

// A Reader reads the records of a file one by one, in bounded memory. It is not safe for
// concurrent use.
type Reader struct {
	lines *jsonl.Reader
	name  string
}

// NewReader returns a Reader of r; name is the file's, for errors.
func NewReader(r io.Reader, name string) *Reader { return &Reader{jsonl.NewReader(r), name} }

// Next returns the next record. After the last one the error is io.EOF; a last line
// without an end is an ErrTorn. All other errors name the file and the line.
func (r *Reader) Next() (*Record, error) {
	line, err := r.lines.Next()
	if err == io.EOF {
		return nil, err
	}
	var rec *Record
	if err == nil {
		rec, err = Decode(line)
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", r.name, r.lines.Line(), err)
	}
	return rec, nil
}

// All yields the records that are left. It ends after the last one, or with an error of Next.
func (r *Reader) All() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for {
			rec, err := r.Next()
			if err == io.EOF || !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// Line returns the number of the line that Next read last, from 1.
func (r *Reader) Line() int { return r.lines.Line() }

// Offset returns where the line after the last whole one begins, in bytes.
func (r *Reader) Offset() int64 { return r.lines.Offset() }
