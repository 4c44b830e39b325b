package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/locseg"
)

// A Task is a kind of question. It decides what an answer is measured by.
type Task string

// The tasks.
const (
	Caption Task = "caption"
	Answer  Task = "answer"
	OCR     Task = "ocr"
	Detect  Task = "detect"
	Segment Task = "segment"
)

// tasks is all of them, in the order of reports.
var tasks = []Task{Caption, Answer, OCR, Detect, Segment}

// objects reports whether answers point at things.
func (t Task) objects() bool { return t == Detect || t == Segment }

// An Example is a line of a data set. The package's documentation says what
// the fields mean.
type Example struct {
	Line     int              `json:"line"` // in the file, from 1
	Image    string           `json:"image"`
	Prompt   paligemma.Prompt `json:"prompt"`
	Expected Texts            `json:"expected"`
	Task     Task             `json:"task"`
	Boxes    [][4]float64     `json:"boxes,omitempty"`
	Labels   []string         `json:"labels,omitempty"`
	Masks    []string         `json:"masks,omitempty"`
}

// Texts are answers. A single one is a string in JSON.
type Texts []string

// UnmarshalJSON reads a string or a list of strings.
func (t *Texts) UnmarshalJSON(data []byte) error {
	var one *string
	var list []string
	switch {
	case json.Unmarshal(data, &list) == nil: // null too
		*t = list
	case json.Unmarshal(data, &one) == nil:
		*t = Texts{*one}
	default:
		return fmt.Errorf("expected is %.40s, want a string or a list of strings", data)
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (t Texts) MarshalJSON() ([]byte, error) {
	var v any = []string(t)
	if len(t) == 1 {
		v = t[0]
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false) // tokens such as <loc0512> stay readable
	err := out.Encode(v)
	return b.Bytes(), err
}

// parseExample reads and checks a line.
func parseExample(line []byte) (*Example, error) {
	var e struct {
		Example
		Prompt *paligemma.Prompt `json:"prompt"` // to tell an empty one from none
	}
	if err := json.Unmarshal(line, &e); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return nil, fmt.Errorf("%s is of type %s, want %s", strings.TrimPrefix(wrong.Field, "Example."), wrong.Value, wrong.Type)
		}
		return nil, fmt.Errorf("no example: %w", err)
	}
	switch {
	case e.Image == "":
		return nil, errors.New("image is missing, want the path of a picture")
	case e.Prompt == nil:
		return nil, errors.New("prompt is missing, want a text")
	case len(e.Expected) == 0:
		return nil, errors.New("expected is missing, want an answer or a list of them")
	}
	e.Example.Prompt = *e.Prompt
	if e.Task == "" {
		e.Task = guess(e.Example.Prompt)
	}
	return &e.Example, e.check()
}

// guess names the task of a prompt by its first word. Questions without one, as
// of DocVQA, are answered.
func guess(p paligemma.Prompt) Task {
	word, _, _ := strings.Cut(string(p), " ")
	switch word {
	case "caption", "cap", "describe":
		return Caption
	case "ocr", "detect", "segment":
		return Task(word)
	}
	return Answer
}

// check finds what would make no sense later.
func (e *Example) check() error {
	if !slices.Contains(tasks, e.Task) {
		return fmt.Errorf("task is %q, want one of %q", e.Task, tasks)
	}
	if !e.Task.objects() {
		if len(e.Boxes)+len(e.Labels)+len(e.Masks) > 0 {
			return fmt.Errorf("task %s has boxes, labels or masks, want them for detect and segment only", e.Task)
		}
		return nil
	}
	things := len(e.Boxes)
	if e.Boxes == nil {
		found, problems := locseg.Parse(e.Expected[0])
		if len(problems) > 0 {
			p := problems[0]
			return fmt.Errorf("expected answer has no object at %q: %s", e.Expected[0][p.First:p.Last], p.Reason)
		}
		if len(found) == 0 && e.Expected[0] != "" {
			return fmt.Errorf("expected answer is %q, want objects, or boxes and labels beside it", e.Expected[0])
		}
		things = len(found)
	}
	switch {
	case e.Boxes != nil && len(e.Labels) != things, e.Boxes == nil && len(e.Labels) > 0:
		return fmt.Errorf("%d labels for %d boxes, want one for each", len(e.Labels), len(e.Boxes))
	case len(e.Masks) > 0 && len(e.Masks) != things:
		return fmt.Errorf("%d masks for %d objects, want one for each", len(e.Masks), things)
	}
	for i, b := range e.Boxes {
		if !(0 <= b[0] && b[0] < b[2] && b[2] <= 1 && 0 <= b[1] && b[1] < b[3] && b[3] <= 1) {
			return fmt.Errorf("box %d is %v, want ymin, xmin, ymax, xmax from 0 to 1, less to more", i+1, b)
		}
	}
	return nil
}
