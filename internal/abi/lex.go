package abi

import (
	"regexp"
	"slices"
)

var (
	comments   = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	directives = regexp.MustCompile(`(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$`)
	token      = regexp.MustCompile(`[A-Za-z_]\w*|\d[\w.]*|"(?:[^"\\]|\\.)*"|\.\.\.|\S`)
)

// statements cuts a header into declarations, each a list of tokens without
// the closing semicolon. Both sides of an #if are kept, since ggml's prototypes
// do not depend on one.
func statements(src string) [][]string {
	src = comments.ReplaceAllString(src, " ")
	src = directives.ReplaceAllString(src, "")
	var list [][]string
	var now []string
	depth := 0
	for _, t := range token.FindAllString(src, -1) {
		switch t {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		case "{":
			if len(now) == 2 && now[0] == "extern" { // extern "C" {
				now = nil
				continue
			}
			depth++
		case "}":
			if depth == 0 { // the end of extern "C"
				continue
			}
			depth--
			if depth == 0 && isDefinition(now) {
				now = nil
				continue
			}
		case ";":
			if depth == 0 {
				list = append(list, now)
				now = nil
				continue
			}
		}
		now = append(now, t)
	}
	return list
}

// isDefinition reports whether the tokens are a function with its body: they
// have a parenthesis before the brace.
func isDefinition(tokens []string) bool {
	open := slices.Index(tokens, "{")
	return slices.Contains(tokens[:max(open, 0)], "(")
}

// split cuts tokens at separators outside all brackets.
func split(tokens []string, separator string) [][]string {
	var parts [][]string
	depth, start := 0, 0
	for i, t := range tokens {
		switch {
		case t == "(" || t == "[" || t == "{":
			depth++
		case t == ")" || t == "]" || t == "}":
			depth--
		case t == separator && depth == 0:
			parts = append(parts, tokens[start:i])
			start = i + 1
		}
	}
	return append(parts, tokens[start:])
}
