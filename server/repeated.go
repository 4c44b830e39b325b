package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"
)

// mostNamesInside bounds the names of objects that are inside each other, so that a
// request cannot make the server remember many of them.
const mostNamesInside = 1 << 16

// An object is a JSON object, or an array, that is being read.
type object struct {
	names map[string]bool // so far; nil for an array
	named bool            // the next string is a name
}

// checkNames refuses a valid JSON value that has an object with a name twice. RFC 8259
// leaves open which of the values counts, and encoding/json makes a mixture of them. Of
// the request itself, the outermost object, names that differ in case are one, as its
// fields are found by either.
func checkNames(data []byte) error {
	var open []object
	var inside *object // the last of open
	remembered := 0
	text := string(data)
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			open = append(open, object{named: text[i] == '{'})
			if text[i] == '{' {
				open[len(open)-1].names = map[string]bool{}
			}
		case '}', ']':
			remembered -= len(inside.names)
			open = open[:len(open)-1]
		case ',':
			inside.named = inside.names != nil
		case '"':
			end := i + lengthOfString(text[i:])
			if inside != nil && inside.named {
				name := spelled(text[i:end])
				if len(open) == 1 {
					name = strings.ToLower(strings.ToUpper(name)) // both, as ſ is an s to encoding/json
				}
				if inside.names[name] {
					return wrong(name, "field %.40q is given twice", name)
				}
				if remembered++; remembered > mostNamesInside {
					return fail(http.StatusBadRequest, "the body has more than %d fields in objects that are inside each other", mostNamesInside)
				}
				inside.names[name], inside.named = true, false
			}
			i = end - 1
		}
		if inside = nil; len(open) > 0 {
			inside = &open[len(open)-1]
		}
	}
	return nil
}

// lengthOfString returns the length in bytes of the JSON string that a text begins with,
// quotes included. The text is valid JSON, so that the string ends.
func lengthOfString(text string) int {
	end := 1
	for {
		end += strings.IndexByte(text[end:], '"') + 1
		before := strings.TrimRight(text[1:end-1], `\`)
		if (end-2-len(before))%2 == 0 { // else the quote is escaped
			return end
		}
	}
}

// spelled returns what a JSON string spells: names that differ in escapes alone are one.
// Bytes that are not UTF-8 become U+FFFD, as they do to encoding/json.
func spelled(text string) string {
	if !strings.Contains(text, `\`) && utf8.ValidString(text) {
		return text[1 : len(text)-1]
	}
	var s string
	_ = json.Unmarshal([]byte(text), &s) // it is valid
	return s
}
