// Package jsonerr says in a person's words why a JSON file was not read: encoding/json
// speaks of Go's types.
package jsonerr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Explain returns the error of decoding data in words: which key, its value, and
// which kind of value was wanted. Other errors stay as they are.
func Explain(data []byte, err error) error {
	for _, mark := range []struct{ bytes, name string }{
		{"\xef\xbb\xbf", "a byte order mark, which JSON does not have"}, {"\xff\xfe", "the byte order mark of UTF-16"}, {"\xfe\xff", "the byte order mark of UTF-16"},
	} {
		if err != nil && bytes.HasPrefix(data, []byte(mark.bytes)) {
			return fmt.Errorf("begins with %s: save it as UTF-8 without one", mark.name)
		}
	}
	switch e := err.(type) {
	case *json.UnmarshalTypeError:
		name, value := e.Field, find(data, e.Field)
		if name == "" {
			name = "the content"
		}
		if value == "" {
			value = kinds[strings.Fields(e.Value + " ?")[0]]
		}
		want, kind := wanted(e.Type), kinds[strings.Fields(e.Value + " ?")[0]]
		if want == kind { // a number that is too large
			want += " within its range"
		}
		if strings.HasPrefix(value, "[") && kind != kinds["array"] {
			return fmt.Errorf("%s has %s in %s, want %s", name, kind, value, want)
		}
		return fmt.Errorf("%s is %s, want %s", name, value, want)
	case *json.SyntaxError:
		return fmt.Errorf("not JSON: byte %d: %s", e.Offset, e)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("not JSON: ends early")
	}
	return err
}

// kinds are the names of JSON's kinds of values by encoding/json's.
var kinds = map[string]string{
	"string": "a text", "number": "a number", "bool": "true or false", "array": "a list", "object": "an object",
}

// wanted returns the kind of value that a type holds.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Pointer:
		return wanted(t.Elem())
	}
	return "an object"
}

// find returns the value at a path of keys with dots between them, as it is written
// and at most 60 characters of it; "" if it is not found.
func find(data []byte, path string) string {
	for path != "" {
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil {
			return ""
		}
		key, rest := path, ""
		for object[key] == nil { // a key may have dots
			i := strings.LastIndexByte(key, '.')
			if i < 0 {
				return ""
			}
			key, rest = key[:i], path[i+1:]
		}
		data, path = object[key], rest
	}
	if data = bytes.TrimSpace(data); len(data) == 0 || data[0] == '{' && len(data) > 2 {
		return ""
	}
	return fmt.Sprintf("%.60s", data)
}
