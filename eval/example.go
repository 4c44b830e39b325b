package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/jsonerr"
	"github.com/pgcli/paligemma/internal/locseg"
)

// A Task is a kind of question. It decides how an answer is measured.
type Task string

// The tasks.
const (
	Caption Task = "caption"
	Answer  Task = "answer"
	OCR     Task = "ocr"
	Detect  Task = "detect"
	Segment Task = "segment"
)

// tasks lists the tasks in the order of reports.
var tasks = []Task{Caption, Answer, OCR, Detect, Segment}

// objects reports whether the answers to a task are objects.
func (t Task) objects() bool { return t == Detect || t == Segment }

// An Example is a line of a data set. The package's documentation describes the
// fields.
type Example struct {
	Line     int              `json:"line"` // number in the file, from 1
	Image    string           `json:"image"`
	Prompt   paligemma.Prompt `json:"prompt"`
	Expected Texts            `json:"expected"`
	Task     Task             `json:"task"`
	Boxes    [][4]float64     `json:"boxes,omitzero"` // none is not the same as no list: there is nothing to find
	Labels   []string         `json:"labels,omitzero"`
	Masks    []string         `json:"masks,omitzero"`
}

// Texts are answers. In JSON a single one is a string, several are a list.
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

// MarshalJSON writes a string for one text, a list for several.
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
		Prompt *paligemma.Prompt `json:"prompt"` // a pointer tells an empty prompt from a missing one
	}
	if err := json.Unmarshal(line, &e); err != nil {
		if wrong, ok := err.(*json.UnmarshalTypeError); ok {
			wrong.Field = strings.TrimPrefix(wrong.Field, "Example.") // the fields of this one are the line's
		}
		return nil, jsonerr.Explain(line, err)
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
	r, err := e.Prompt.Read()
	switch {
	case err != nil:
		return nil, err
	case r.Pictures > 1:
		return nil, fmt.Errorf("prompt has <image> %d times, want it once or not at all", r.Pictures)
	case e.Task == "":
		e.Task = guess(r.Text)
	}
	return &e.Example, e.check()
}

// guess returns the task that the first word of a prompt names, or Answer: the
// prompts of some data sets, such as DocVQA, are plain questions.
func guess(prompt string) Task {
	word, _, _ := strings.Cut(prompt, " ")
	switch word {
	case "caption", "cap", "describe":
		return Caption
	case "ocr", "detect", "segment":
		return Task(word)
	}
	return Answer
}

// check returns an error for fields that contradict each other.
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
