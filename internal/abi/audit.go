package abi

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// An Audit compares Go functions and structs with headers.
type Audit struct {
	Headers *Headers

	// Named maps a named Go type to its C type, such as "struct ggml_tensor *"
	// or "enum ggml_type". The Go type matches no other C type; an enum in Named
	// matches no other Go type.
	Named map[reflect.Type]string
}

// Check compares fn with the prototype of the C function name. It returns a
// message for each difference, which names the function and the argument.
func (a *Audit) Check(name string, fn reflect.Type) []string {
	p, ok := a.Headers.Functions[name]
	if !ok {
		return []string{name + ": no prototype in the headers"}
	}
	return a.compare(name, p, fn)
}

// CheckCallback compares fn with the typedef of a function pointer, as Check
// does.
func (a *Audit) CheckCallback(name string, fn reflect.Type) []string {
	p, ok := a.Headers.Callbacks[name]
	if !ok {
		return []string{name + ": no such callback type in the headers"}
	}
	return a.compare(name, p, fn)
}

// compare returns a message for each difference of fn from p; name is for messages.
func (a *Audit) compare(name string, p Prototype, fn reflect.Type) []string {
	var wrong []string
	complain := func(format string, args ...any) {
		wrong = append(wrong, name+": "+fmt.Sprintf(format, args...))
	}
	if fn.NumIn() != len(p.Params) {
		complain("Go has %d arguments, C %d", fn.NumIn(), len(p.Params))
	}
	for i := range min(fn.NumIn(), len(p.Params)) {
		if c := p.Params[i]; !a.matches(fn.In(i), c.Type) {
			complain("argument %d (%s): Go %v, C %v", i+1, c.Name, fn.In(i), c.Type)
		}
	}
	switch void := p.Result == (Type{Base: "void"}); {
	case fn.NumOut() == 0 && !void:
		complain("result: Go none, C %v", p.Result)
	case fn.NumOut() > 0 && !a.matches(fn.Out(0), p.Result):
		complain("result: Go %v, C %v", fn.Out(0), p.Result)
	}
	return wrong
}

// plain lists the C types that an unnamed Go type matches. A pointer matches a
// pointer to a type that its element matches.
var plain = map[reflect.Kind][]string{
	reflect.Bool:    {"bool"},
	reflect.Int32:   {"int", "int32_t"},
	reflect.Int64:   {"int64_t"},
	reflect.Uint8:   {"uint8_t"},
	reflect.Uint32:  {"uint32_t", "unsigned int"},
	reflect.Uint64:  {"uint64_t"},
	reflect.Uintptr: {"size_t"},
	reflect.Float32: {"float"},
	reflect.Float64: {"double"},
	reflect.String:  {"char *"},
}

// bytes are the C types that *byte matches: pointers to any memory.
var bytes = []string{"void *", "char *", "uint8_t *"}

// matches reports whether a Go type has the size and kind of a C type.
func (a *Audit) matches(g reflect.Type, c Type) bool {
	if want, ok := a.Named[g]; ok {
		return c.String() == want
	}
	if g.Kind() == reflect.Pointer {
		if g.Elem().Kind() == reflect.Uint8 {
			return slices.Contains(bytes, c.String())
		}
		return c.Stars > 0 && a.matches(g.Elem(), Type{Base: c.Base, Stars: c.Stars - 1})
	}
	if g.PkgPath() != "" { // a named type that Named does not know
		return false
	}
	if strings.HasPrefix(c.Base, "enum ") && c.Stars == 0 {
		return g.Kind() == reflect.Int32 && !slices.Contains(slices.Collect(maps.Values(a.Named)), c.Base)
	}
	return slices.Contains(plain[g.Kind()], c.String())
}

// CheckStruct compares the Go struct with the C struct of a tag: the fields'
// types and, on this processor, their offsets and the size. It returns a message
// for each difference.
func (a *Audit) CheckStruct(tag string, g reflect.Type) []string {
	fields, ok := a.Headers.Structs[tag]
	if !ok {
		return []string{tag + ": no such struct in the headers"}
	}
	var wrong []string
	if g.NumField() != len(fields) {
		wrong = append(wrong, fmt.Sprintf("%s: Go has %d fields, C %d", tag, g.NumField(), len(fields)))
	}
	var offset, align uintptr = 0, 1
	for i := range min(g.NumField(), len(fields)) {
		f, c := g.Field(i), fields[i]
		if !a.matches(f.Type, c.Type) {
			wrong = append(wrong, fmt.Sprintf("%s: field %d (%s): Go %v, C %v", tag, i+1, c.Name, f.Type, c.Type))
			continue
		}
		// The types match, so C lays them out by the same sizes.
		offset = roundUp(offset, uintptr(f.Type.Align()))
		if f.Offset != offset {
			wrong = append(wrong, fmt.Sprintf("%s: field %d (%s): Go offset %d, C %d", tag, i+1, c.Name, f.Offset, offset))
		}
		offset += f.Type.Size()
		align = max(align, uintptr(f.Type.Align()))
	}
	if size := roundUp(offset, align); len(wrong) == 0 && g.Size() != size {
		wrong = append(wrong, fmt.Sprintf("%s: Go size %d, C %d", tag, g.Size(), size))
	}
	return wrong
}

// roundUp returns the least multiple of to that is n or more.
func roundUp(n, to uintptr) uintptr { return (n + to - 1) / to * to }
