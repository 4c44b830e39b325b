// Package merge joins the shards of a batch to one file of records in the order of the
// input, without duplicates, and tells what is missing.
//
// Each question, a picture with a prompt, has one record in the end. Of several with one
// key an answer goes before an error; else a later one in its file replaces those before
// it, as package batch has it, and the file that is named first goes before others. In one
// file a later one about other bytes also replaces an answer: the picture has changed. Two keys for
// one question are an error: the shards are of different models or options.
package merge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/pgcli/paligemma"
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
	Torn       []string
	Missing    []Missing // in the order of the input
}

// A Missing is a question without a record.
type Missing struct {
	Image  string
	Prompt paligemma.Prompt // "" if the picture has no record at all
}

// A Set is an index of records in files. It holds some 250 bytes for each record, not
// the records.
type Set struct {
	files   []*os.File
	report  Report
	names   []string           // of pictures, by number
	number  map[string]int32   // of a picture's name
	times   map[int32]float64  // of frames, by picture
	prompts []paligemma.Prompt // in the order in which they are seen
	asked   map[paligemma.Prompt]int32
	places  []place            // in the order in which questions are seen
	at      map[question]int32 // of places
}

// A question is a picture with a prompt, by their numbers.
type question struct{ picture, prompt int32 }

// A place is where the record of a question lies.
type place struct {
	question
	record.Outcome
	key    record.Key
	start  int64
	length int32
	file   int32
}

// keyOf returns a record's key, or one of a text that is none.
func keyOf(text string) record.Key {
	if k, ok := record.ParseKey(text); ok {
		return k
	}
	return record.KeyOf([]byte(text))
}

// Open reads the records of files. A last line that was torn is left out. The caller
// must Close the Set.
func Open(ctx context.Context, paths ...string) (*Set, error) {
	s := &Set{number: map[string]int32{}, times: map[int32]float64{}, asked: map[paligemma.Prompt]int32{}, at: map[question]int32{}}
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
	for n := 0; ; n++ {
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
		case n%1000 == 0 && ctx.Err() != nil:
			return context.Cause(ctx)
		}
		at := place{key: keyOf(r.Key), Outcome: r.Outcome(), file: int32(len(s.files) - 1), start: start, length: int32(lines.Offset() - start)}
		if err := s.add(r, at); err != nil {
			return fmt.Errorf("%s:%d: %w", f.Name(), lines.Line(), err)
		}
	}
}

// add adds a record, or leaves it or its duplicate out.
func (s *Set) add(r *record.Record, at place) error {
	picture, known := s.number[r.Image]
	if !known {
		picture = int32(len(s.names))
		s.names, s.number[r.Image] = append(s.names, r.Image), picture
	}
	if r.Time != nil {
		s.times[picture] = *r.Time
	}
	prompt, known := s.asked[r.Prompt]
	if !known {
		prompt = int32(len(s.prompts))
		s.prompts, s.asked[r.Prompt] = append(s.prompts, r.Prompt), prompt
	}
	at.question = question{picture, prompt}
	n, twice := s.at[at.question]
	if !twice {
		s.at[at.question] = int32(len(s.places))
		s.places = append(s.places, at)
		return nil
	}
	had := &s.places[n]
	if had.key != at.key {
		return fmt.Errorf("picture %s and prompt %q have the key %x… here and %x… in %s: the files are of runs with different models or options",
			r.Image, r.Prompt, at.key[:6], had.key[:6], s.files[had.file].Name())
	}
	s.report.Duplicates++
	later := had.file == at.file && (had.Failed == at.Failed || at.Replaces(had.Outcome))
	if later || at.Mends(had.Outcome) {
		*had = at
	}
	return nil
}

// Write writes the records to path, in the order of list, the names of all pictures.
// Without one they are in the order of pgcli batch for one folder. replace is for a file
// that exists at path.
func (s *Set) Write(ctx context.Context, path string, replace bool, list []string) (*Report, error) {
	for _, f := range s.files {
		if newfile.Input(path, f.Name()) != "" {
			return nil, fmt.Errorf("%s is one of the files that are joined; write to another", path)
		}
	}
	order := s.order(list)
	s.report.Missing = s.missing(list, order)
	out, err := newfile.Create(path, replace)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	w := bufio.NewWriterSize(out, 1<<20)
	for i, n := range order {
		at := &s.places[n]
		if _, err := io.Copy(w, io.NewSectionReader(s.files[at.file], at.start, int64(at.length))); err != nil {
			return nil, fmt.Errorf("%s: %w", s.files[at.file].Name(), err)
		}
		if at.Failed {
			s.report.Failed++
		}
		if i%1000 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	s.report.Records, s.report.Others = len(order), len(s.places)-len(order)
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return &s.report, out.Commit()
}

// missing returns the questions without a record, in the order of the list or of the
// records: each picture is asked every prompt that one of them was asked.
func (s *Set) missing(list []string, order []int32) (all []Missing) {
	seen := make([]bool, len(s.names))
	look := func(picture int32) {
		for n, prompt := range s.prompts {
			if _, ok := s.at[question{picture, int32(n)}]; !ok && !seen[picture] {
				all = append(all, Missing{s.names[picture], prompt})
			}
		}
		seen[picture] = true
	}
	if list == nil {
		for _, n := range order {
			look(s.places[n].picture)
		}
	}
	unknown := map[string]bool{}
	for _, name := range list {
		picture, known := s.number[name]
		switch {
		case known:
			look(picture)
		case !unknown[name]:
			all = append(all, Missing{Image: name})
			unknown[name] = true
		}
	}
	return all
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
