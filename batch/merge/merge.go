// Package merge joins the shards of a batch to one file of records in the order of the
// input, without duplicates, and tells what is missing.
//
//	set, err := merge.Open(ctx, "out-0.jsonl", "out-1.jsonl")
//	// ...
//	defer set.Close()
//	report, err := set.Write(ctx, "all.jsonl", false, nil, func(merge.Missing) error { return nil })
//
// Each question, a picture with a prompt, has one record in the end. Of several records with
// one key, an answer is preferred to an error. Among the rest, a later record in a file
// replaces an earlier one, as in package batch, and the file that is named first goes before
// others. In one file a later record about other bytes also replaces an answer: the picture
// has changed. Two keys for one question are an error: the shards are of different models or
// options.
package merge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/internal/compact"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/newfile"
)

// A Report counts what was joined.
type Report struct {
	Records    int // written
	Failed     int // of these, errors
	Duplicates int // left out
	Others     int // records of pictures that the list does not name, left out
	Missing    int // questions without a record
	Torn       []string
}

// A Missing is a question without a record.
type Missing struct {
	Image  string
	Prompt paligemma.Prompt // "" if the picture has no record at all
}

// A Set is an index of records in files. It holds some 50 bytes for each record, and 40 with
// the name for each picture; not the records.
type Set struct {
	files     []*os.File
	report    Report
	texts     compact.Texts // names of pictures
	pictures  compact.List[picture]
	names     compact.Index // of pictures
	prompts   []paligemma.Prompt
	asked     map[paligemma.Prompt]int32 // numbers of prompts
	places    compact.List[place]        // in the order in which questions are seen
	questions compact.Index              // of places
}

// maxFiles is how many files are joined at most.
const maxFiles = 1 << 16

// Open reads the records of files. A last line that was torn is left out. The caller
// must Close the Set.
func Open(ctx context.Context, paths ...string) (*Set, error) {
	if len(paths) > maxFiles {
		return nil, fmt.Errorf("%d files are to be joined, want at most %d", len(paths), maxFiles)
	}
	s := &Set{asked: map[paligemma.Prompt]int32{}}
	for _, path := range paths {
		f, err := infile.Open(path)
		if err == nil {
			s.files = append(s.files, f)
			err = s.read(ctx, f)
		}
		if err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// read reads the last of the files.
func (s *Set) read(ctx context.Context, f *os.File) error {
	lines := record.NewReader(f, f.Name())
	for {
		start := lines.Offset()
		r, err := lines.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, record.ErrTorn):
			s.report.Torn = append(s.report.Torn, f.Name())
			return nil
		case err != nil:
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		o := r.Outcome()
		at := place{key: keyOf(r.Key), of: o.Of, failed: o.Failed, file: uint16(len(s.files) - 1), start: start, length: int32(lines.Offset() - start)}
		if err := s.add(r, at); err != nil {
			return fmt.Errorf("%s:%d: %w", f.Name(), lines.Line(), err)
		}
	}
}

// add adds a record, or leaves it or its duplicate out.
func (s *Set) add(r *record.Record, at place) error {
	at.picture, _ = s.picture(r.Image)
	if r.Time != nil {
		s.pictures.At(int(at.picture)).time = *r.Time
	}
	prompt, known := s.asked[r.Prompt]
	if !known {
		prompt = int32(len(s.prompts))
		s.prompts, s.asked[r.Prompt] = append(s.prompts, r.Prompt), prompt
	}
	at.prompt = prompt
	had := s.find(at.picture, at.prompt)
	if had == nil {
		s.places.Append(at)
		s.questions.Add(s.places.Len()-1, func(n int) uint32 { return s.places.At(n).hash() })
		return nil
	}
	if had.key != at.key {
		return fmt.Errorf("picture %s and prompt %q have the key %012x… here and %012x… in %s: the files are of runs with different models or options",
			r.Image, r.Prompt, at.key>>16, had.key>>16, s.files[had.file].Name())
	}
	s.report.Duplicates++
	later := had.file == at.file && (had.failed == at.failed || at.outcome().Replaces(had.outcome()))
	if later || at.outcome().Mends(had.outcome()) {
		*had = at
	}
	return nil
}

// Write writes the records to path, in the order of list, the names of all pictures; nil if
// there is none: then they are in the order of pgcli batch for one folder. replace is for a
// file that exists at path. missing is called for each question without a record, in the
// same order. Write may be called once.
func (s *Set) Write(ctx context.Context, path string, replace bool, list iter.Seq2[string, error], missing func(Missing) error) (*Report, error) {
	for _, f := range s.files {
		if newfile.Input(path, f.Name()) != "" {
			return nil, fmt.Errorf("%s is one of the files that are joined; write to another", path)
		}
	}
	miss := func(m Missing) error {
		s.report.Missing++
		return missing(m)
	}
	order, err := s.order(ctx, list, miss)
	if err != nil {
		return nil, err
	}
	out, err := newfile.Create(path, replace)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	w := bufio.NewWriterSize(out, 1<<20)
	for _, n := range order {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		at := s.places.At(int(n))
		if err := infile.CopyPart(w, s.files[at.file], at.start, int64(at.length)); err != nil {
			return nil, err
		}
		if at.failed {
			s.report.Failed++
		}
	}
	s.report.Records, s.report.Others = len(order), s.places.Len()-len(order)
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return &s.report, out.Commit()
}

// Close closes the files. It is safe on nil, and may be called again.
func (s *Set) Close() error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, f := range slices.Backward(s.files) {
		errs = append(errs, f.Close())
	}
	s.files = nil
	return errors.Join(errs...)
}
