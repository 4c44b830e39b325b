package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/jsonl"
	"github.com/pgcli/paligemma/internal/newfile"
)

// A Journal keeps the answers of a run in a file, so that a run that was stopped
// goes on where it was. The file is a JSON object of the run's settings on the first
// line, and one for each answer on the others.
type Journal struct {
	path    string // of the file that Finish writes
	replace bool
	file    *os.File
	end     int64
	entries map[int]entry // by line of the data set
	earlier int
}

// A Setting is something that the answers of a run depend on.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// An entry is where an answer's line lies in the file.
type entry struct{ start, length int64 }

// An entryLine is an answer in the file, with everything that its measures need.
type entryLine struct {
	Answer json.RawMessage   `json:"answer"` // an Answered
	Tokens []paligemma.Token `json:"tokens"`
	Size   [2]int            `json:"size"` // of the picture, in pixels
}

// journalEnd is the end of a journal's name.
const journalEnd = ".partial"

// OpenJournal opens the journal of the answers to be written to path: path with
// ".partial" at its end. If it exists, the run goes on with its answers, unless its
// settings are others, which is an error. Another is a journal that another process
// writes, and, unless replace is set, a file that exists at path. Neither file may be
// the data set, one of its pictures, or one of inputs. OpenJournal ends with ctx. The caller must Close the
// Journal.
func OpenJournal(ctx context.Context, path string, replace bool, set *DataSet, settings []Setting, inputs ...string) (*Journal, error) {
	j := &Journal{path: path, replace: replace, entries: map[int]entry{}}
	if _, err := os.Lstat(path); err == nil && !replace {
		return nil, fmt.Errorf("eval: %s %w", path, newfile.ErrExists)
	}
	for _, out := range []string{path, path + journalEnd} {
		if err := set.isInput(ctx, out, inputs); err != nil {
			return nil, err
		}
	}
	var err error
	if j.file, err = newfile.Lock(path + journalEnd); err != nil {
		return nil, fmt.Errorf("eval: answers: %w", err)
	}
	if err := j.read(ctx, settings); err != nil {
		return nil, fmt.Errorf("eval: %w", errors.Join(err, j.leave()))
	}
	return j, nil
}

// isInput refuses an output that is the data set, one of its pictures or masks, or
// one of inputs.
func (d *DataSet) isInput(ctx context.Context, out string, inputs []string) error {
	if _, err := os.Stat(out); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	in := newfile.Input(out, append(inputs, d.path)...)
	for e, err := range d.Examples(ctx) {
		if err != nil {
			return err
		}
		for _, name := range append(slices.Clone(e.Masks), e.Image) {
			if in == "" {
				in = newfile.Input(out, d.file(name))
			}
		}
	}
	if in != "" {
		return fmt.Errorf("eval: %s is read (as %s), and cannot hold the answers", out, in)
	}
	return nil
}

// Earlier returns the number of answers of runs that were stopped.
func (j *Journal) Earlier() int { return j.earlier }

// Len returns the number of answers, earlier ones included.
func (j *Journal) Len() int { return len(j.entries) }

// Path returns the name of the journal's file.
func (j *Journal) Path() string { return j.path + journalEnd }

// find returns an earlier answer to an example, its tokens, and the size of its
// picture; nil without one.
func (j *Journal) find(e *Example) (*Answered, *entryLine, error) {
	at, known := j.entries[e.Line]
	if !known {
		return nil, nil, nil
	}
	data := make([]byte, at.length)
	if _, err := j.file.ReadAt(data, at.start); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", j.Path(), err)
	}
	line, a, err := parseEntry(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", j.Path(), err)
	}
	a.Example = e
	return a, line, nil
}

// parseEntry reads a line of the file.
func parseEntry(data []byte) (*entryLine, *Answered, error) {
	if err := jsonl.Check(data); err != nil {
		return nil, nil, fmt.Errorf("not an answer: it %w", err)
	}
	var line entryLine
	if err := json.Unmarshal(data, &line); err != nil {
		return nil, nil, errors.New("not an answer")
	}
	var a struct {
		Line *int            `json:"line"`
		Text *string         `json:"answer"`
		Stop *paligemma.Stop `json:"stop"`
		Answered
	}
	if err := json.Unmarshal(line.Answer, &a); err != nil || a.Line == nil || a.Text == nil || a.Stop == nil {
		return nil, nil, errors.New("not an answer")
	}
	return &line, &Answered{Example: &Example{Line: *a.Line}, Text: *a.Text, Stop: *a.Stop, Time: a.Time}, nil
}

// add writes an answer.
func (j *Journal) add(a *Answered, tokens []paligemma.Token, size [2]int) error {
	line, err := encodeEntry(a, tokens, size)
	if err != nil {
		return err
	}
	return j.append(line, a.Line)
}

// encodeEntry returns the line of an answer. One that could not be read again is an error.
func encodeEntry(a *Answered, tokens []paligemma.Token, size [2]int) ([]byte, error) {
	answer, err := jsonl.Encode(a)
	if err != nil {
		return nil, err
	}
	line, err := jsonl.Encode(entryLine{answer, tokens, size})
	if err != nil {
		return nil, err
	}
	if err := jsonl.Check(line); err != nil {
		return nil, fmt.Errorf("the answer %w", err)
	}
	return line, nil
}

// append writes a line at the end of the file, and notes where the answer lies.
func (j *Journal) append(line []byte, example int) error {
	if _, err := j.file.WriteAt(line, j.end); err != nil {
		return fmt.Errorf("answers: %w", err)
	}
	j.entries[example] = entry{j.end, int64(len(line))}
	j.end += int64(len(line))
	return nil
}
