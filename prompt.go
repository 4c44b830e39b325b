package paligemma

import (
	"strings"

	"github.com/pgcli/paligemma/grammar"
)

// A Prompt is the text that a model is asked about a picture. Any text is
// allowed; these functions spell the tasks that PaliGemma was trained on. The
// model adds the newline that ends every prompt.
type Prompt string

// Caption asks for a short caption in a language, such as "en".
func Caption(lang string) Prompt { return Prompt("caption " + lang) }

// Answer asks a question, to be answered in a language, such as "en".
func Answer(lang, question string) Prompt { return Prompt("answer " + lang + " " + question) }

// OCR asks for the text in the picture, in reading order.
func OCR() Prompt { return "ocr" }

// Detect asks for boxes around all things of each kind.
func Detect(things ...string) Prompt { return Prompt("detect " + strings.Join(things, " ; ")) }

// Segment asks for the outlines of all things of each kind.
func Segment(things ...string) Prompt { return Prompt("segment " + strings.Join(things, " ; ")) }

// Grammar returns the grammar of the answers to a prompt that [Detect] or
// [Segment] spells, with the labels that the prompt names; nil for other
// prompts, whose answers may be any text.
func (p Prompt) Grammar() grammar.Grammar {
	task, things, _ := strings.Cut(string(p), " ")
	var labels []string
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
