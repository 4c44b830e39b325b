package paligemma

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/legible"
)

// A Prompt is the text that a model is asked about pictures; these functions
// spell the tasks that PaliGemma was trained on. [Prompt.Read] says how a prompt
// is read.
type Prompt string

// Caption asks for a short caption in a language, such as "en".
func Caption(lang string) Prompt { return Prompt("caption " + lang) }

// Answer asks a question, to be answered in a language, such as "en".
func Answer(lang, question string) Prompt { return Prompt("answer " + lang + " " + question) }

// OCR asks for the text in the picture, in reading order.
func OCR() Prompt { return "ocr" }

// Detect asks for boxes around all things of each kind. A thing that is empty, or
// holds ; < > or a line break, makes a prompt that every call refuses.
func Detect(things ...string) Prompt { return pointAt("detect ", things) }

// Segment asks for the outlines of all things of each kind, as Detect does for
// boxes.
func Segment(things ...string) Prompt { return pointAt("segment ", things) }

// wrongPrompt begins a prompt whose spelling failed; the reason follows. A text that is
// asked has no such character.
const wrongPrompt = "\x00wrong prompt: "

func pointAt(task string, things []string) Prompt {
	if len(things) == 0 {
		return wrongPrompt + Prompt(task) + "prompt names no thing"
	}
	for _, t := range things {
		switch {
		case strings.TrimSpace(t) == "":
			return wrongPrompt + Prompt(task) + "prompt has an empty name among its things"
		case strings.ContainsAny(t, ";<>\r\n"):
			return wrongPrompt + Prompt(fmt.Sprintf("%sprompt names %.60q, want a thing without ; < > and line breaks", task, t))
		}
	}
	return Prompt(task + strings.Join(things, " ; "))
}

// Marks that prompts written for other programs spell out.
const (
	imageMark     = "<image>"
	byteOrderMark = "\ufeff"
)

// reservedMarks stand for tokens that are not text.
var reservedMarks = []string{imageMark, "<bos>", "<eos>", "<pad>", "<unk>"}

// A Reading is a prompt as a model reads it.
type Reading struct {
	Text     string // between the pictures with <bos>, and the newline that ends every prompt
	Pictures int    // <image> marks at the start, which Text leaves out
	Changed  bool   // Text leaves out something else
}

// Read returns what a model reads. That is the prompt as it is written, white space
// included, except for
//
//   - <image> marks at its start, which stand for the pictures,
//   - line breaks at its end, as the model adds the one that it was trained with,
//   - a byte order mark at its start.
//
// transformers reads prompts in the same way, but makes one token of the line
// breaks at the end. The error, an ErrPrompt, is about text that is not UTF-8 or
// holds a NUL, and about <bos>, <eos>, <pad>, <unk>, or <image> after the start:
// they are tokens of the model and no text.
func (p Prompt) Read() (Reading, error) {
	text := string(p)
	if !utf8.ValidString(text) {
		return Reading{}, requestf(ErrPrompt, "prompt %.60q is not UTF-8", text)
	}
	if reason, ok := strings.CutPrefix(text, wrongPrompt); ok {
		return Reading{}, requestf(ErrPrompt, "%.300s", legible.Text(reason))
	}
	text = strings.TrimRight(strings.TrimPrefix(text, byteOrderMark), "\r\n")
	r := Reading{Changed: text != string(p)}
	for strings.HasPrefix(text, imageMark) {
		text = text[len(imageMark):]
		r.Pictures++
	}
	if strings.Contains(text, "\x00") {
		return Reading{}, requestf(ErrPrompt, "prompt %.60q holds a NUL, want text", text)
	}
	for _, mark := range reservedMarks {
		switch {
		case !strings.Contains(text, mark):
		case mark == imageMark:
			return Reading{}, requestf(ErrPrompt, "prompt %.60q has %s after its start: the pictures come first, so leave it out", p, mark)
		default:
			return Reading{}, requestf(ErrPrompt, "prompt %.60q has %s, which is a token of the model and no text: leave it out", p, mark)
		}
	}
	r.Text = text
	return r, nil
}

// check refuses a prompt about a number of pictures if its text is wrong or claims
// another number. It logs that a text is not asked as it is written.
func (m *Model) check(p Prompt, pictures int) error {
	r, err := p.Read()
	switch {
	case err != nil:
		return err
	case r.Pictures > 0 && r.Pictures != pictures:
		return requestf(ErrPrompt, "prompt %.60q has %s %d times, want it once for each picture (%d), or not at all", p, imageMark, r.Pictures, pictures)
	case r.Changed && m.opts.Logger != nil:
		m.opts.Logger.Warn("prompt is asked without the line breaks at its end, or the byte order mark at its start; the model adds the line break that it was trained with", "prompt", string(p))
	}
	return nil
}

// checkRoom refuses a prompt about a number of pictures that no session has room for, however
// its text is cut. It is asked before a text becomes tokens, or a grammar of the labels
// in it: both take a second or more for a megabyte, and do not end with a context.
func (m *Model) checkRoom(p Prompt, pictures int) error {
	r, err := p.Read()
	if err != nil {
		return err
	}
	n := pictures*m.cfg.ImageTokens + 1 + m.tok.Fewest(r.Text) + 1 // <bos> and the newline
	if n >= m.opts.Context {
		return requestf(ErrPrompt, "prompt of %d tokens or more in a context of %d: %w", n, m.opts.Context, ErrContextFull)
	}
	return nil
}

// Grammar returns the grammar of the answers to a prompt that [Detect] or
// [Segment] spells, with the labels that the prompt names; nil for other
// prompts, whose answers may be any text. The grammar of a prompt that Read refuses
// fails with that error.
func (p Prompt) Grammar() grammar.Grammar {
	r, err := p.Read()
	if err != nil {
		return refused{err}
	}
	task, things, _ := strings.Cut(r.Text, " ")
	var labels []string
	things = strings.ReplaceAll(things, "\u2581", " ") // the same to the model, and what it answers
	for label := range strings.SplitSeq(things, ";") {
		labels = append(labels, strings.TrimSpace(label))
	}
	switch task {
	case "detect":
		return grammar.Boxes(labels...)
	case "segment":
		return grammar.Masks(labels...)
	}
	return nil
}

// refused is the grammar of a prompt that cannot be read.
type refused struct{ error }

func (r refused) Start(grammar.Vocabulary) (grammar.State, error) { return nil, r.error }
