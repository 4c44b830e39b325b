package abi

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Type is a C type without const: a base such as "int", "struct
// ggml_tensor", "enum ggml_type" or "function", and the number of stars after it.
type Type struct {
	Base  string
	Stars int
	Array string // the length of an array in a struct, as C has it
}

// String spells a type nearly as C does: "struct ggml_tensor *", "bool [4]".
func (t Type) String() string {
	return strings.TrimSuffix(t.Base+" "+strings.Repeat("*", t.Stars)+t.Array, " ")
}

// A Param is a function's argument or a struct's field.
type Param struct {
	Name string // may be empty
	Type Type
}

// A Prototype is the type of a C function.
type Prototype struct {
	Result Type
	Params []Param
}

// Headers holds the declarations of a set of header files, by name.
type Headers struct {
	Functions map[string]Prototype
	Callbacks map[string]Prototype      // typedefs of function pointers
	Structs   map[string][]Param        // fields by the struct's tag
	Enums     map[string]map[string]int // values by the enum's tag
	typedefs  map[string]Type
}

// ReadHeaders parses every .h file of a folder. A folder without one is an error.
func ReadHeaders(dir string) (*Headers, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.h"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("abi: no header in %s", dir)
	}
	var sources []string
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("abi: %w", err)
		}
		sources = append(sources, string(src))
	}
	return Parse(sources...), nil
}

// Parse reads the declarations of header files, given their text.
func Parse(sources ...string) *Headers {
	h := &Headers{
		Functions: map[string]Prototype{}, Callbacks: map[string]Prototype{},
		Structs: map[string][]Param{}, Enums: map[string]map[string]int{}, typedefs: map[string]Type{},
	}
	var list [][]string
	for _, src := range sources {
		list = append(list, statements(src)...)
	}
	for range 2 { // types first; twice, since a type may be used before its header
		for _, s := range list {
			h.declareType(s)
		}
	}
	for _, s := range list {
		h.declareFunction(s)
	}
	return h
}

// declareType records a struct, an enum or a typedef, and ignores other
// declarations.
func (h *Headers) declareType(s []string) {
	if len(s) < 3 {
		return
	}
	if open, end := slices.Index(s, "{"), slices.Index(s, "}"); s[0] != "typedef" && open == 2 && end > open {
		switch s[0] {
		case "struct":
			h.Structs[s[1]] = h.fields(s[open+1 : end])
		case "enum":
			h.Enums[s[1]] = enumerators(s[open+1 : end])
		}
		return
	}
	if s[0] != "typedef" || slices.Contains(s, "{") {
		return
	}
	if paren := slices.Index(s, "("); paren > 0 {
		// typedef R (*name)(params)
		if name, rest := s[paren+2], s[paren+4:]; s[paren+1] == "*" && s[paren+3] == ")" {
			if p, ok := h.prototype(s[1:paren], rest); ok {
				h.Callbacks[name] = p
			}
			h.typedefs[name] = Type{Base: "function"}
		}
		return
	}
	if p, ok := h.param(s[1:]); ok && p.Name != "" {
		h.typedefs[p.Name] = p.Type
	}
}

// decorations are ggml's macros around a prototype.
var decorations = []string{"GGML_API", "GGML_BACKEND_API", "extern"}

// declareFunction records a prototype, and ignores other declarations.
func (h *Headers) declareFunction(s []string) {
	if len(s) > 2 && s[0] == "GGML_DEPRECATED" { // GGML_DEPRECATED(prototype, "advice")
		s = split(s[2:len(s)-1], ",")[0]
	}
	for len(s) > 0 && slices.Contains(decorations, s[0]) {
		s = s[1:]
	}
	paren := slices.Index(s, "(")
	if paren < 2 || s[0] == "typedef" || slices.Contains(s, "{") {
		return
	}
	if p, ok := h.prototype(s[:paren-1], s[paren:]); ok {
		h.Functions[s[paren-1]] = p
	}
}

// prototype reads a result type and a parameter list in parentheses. It ignores
// tokens after the list, such as an attribute.
func (h *Headers) prototype(result, rest []string) (Prototype, bool) {
	r, ok := h.param(result)
	if !ok || r.Name != "" {
		return Prototype{}, false
	}
	end := closing(rest)
	if end < 0 {
		return Prototype{}, false
	}
	p := Prototype{Result: r.Type}
	list := rest[1:end]
	if len(list) == 0 || len(list) == 1 && list[0] == "void" {
		return p, true
	}
	for _, part := range split(list, ",") {
		arg, ok := h.param(part)
		if !ok {
			return Prototype{}, false
		}
		p.Params = append(p.Params, arg)
	}
	return p, true
}

// closing returns the index of the parenthesis that closes the first one, or -1.
func closing(tokens []string) int {
	depth := 0
	for i, t := range tokens {
		switch t {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// words are the parts of C's own multi-word types.
var words = []string{"unsigned", "signed", "long", "short", "int", "char"}

// param reads a type and, if present, a name: "const struct t * const x[4]".
func (h *Headers) param(s []string) (Param, bool) {
	s = slices.DeleteFunc(slices.Clone(s), func(t string) bool {
		return t == "const" || t == "volatile" || t == "GGML_RESTRICT"
	})
	var base []string
	switch {
	case len(s) == 0 || s[0] == "...":
		return Param{}, false
	case s[0] == "struct" || s[0] == "enum" || s[0] == "union":
		if len(s) < 2 {
			return Param{}, false
		}
		base, s = s[:2], s[2:]
	case slices.Contains(words, s[0]):
		n := 1
		for n < len(s) && slices.Contains(words, s[n]) {
			n++
		}
		base, s = s[:n], s[n:]
	default:
		base, s = s[:1], s[1:]
	}
	p := Param{Type: h.resolve(strings.Join(base, " "))}
	for len(s) > 0 && s[0] == "*" {
		p.Type.Stars++
		s = s[1:]
	}
	if len(s) > 0 && s[0] != "[" {
		p.Name, s = s[0], s[1:]
	}
	if len(s) > 0 && s[0] == "[" { // an array argument is a pointer
		p.Type.Stars++
		s = nil
	}
	return p, len(s) == 0
}

// resolve returns the type behind a typedef's name, or else the base itself.
func (h *Headers) resolve(base string) Type {
	if t, ok := h.typedefs[base]; ok {
		return t
	}
	return Type{Base: base}
}

// fields returns the fields of a struct, given the tokens between its braces.
func (h *Headers) fields(body []string) []Param {
	var list []Param
	for _, part := range split(body, ";") {
		array := ""
		if open := slices.Index(part, "["); open >= 0 { // unlike an argument it is no pointer
			part, array = part[:open], strings.Join(part[open:], "")
		}
		if f, ok := h.param(part); ok {
			f.Type.Array = array
			list = append(list, f)
		}
	}
	return list
}

// enumerators returns the values of an enum's names. A name with a value that is
// not a plain number is left out, and so are the names after it.
func enumerators(body []string) map[string]int {
	values, next, known := map[string]int{}, 0, true
	for _, part := range split(body, ",") {
		if len(part) == 0 {
			continue
		}
		if len(part) > 1 {
			n, err := strconv.ParseInt(strings.Join(part[2:], ""), 0, 32)
			next, known = int(n), err == nil
		}
		if known {
			values[part[0]] = next
		}
		next++
	}
	return values
}
