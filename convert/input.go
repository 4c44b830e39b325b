package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/jsonerr"
	"github.com/pgcli/paligemma/internal/lfs"
)

// Bounds of the JSON files beside the weights. tokenizer.json, the largest of them,
// takes some 35 MB and has 1.5 million values. A value takes some hundred bytes of
// memory, and four of the file. No SentencePiece model has as many commas.
const (
	maxJSON   = 64 << 20
	maxValues = 3 << 20
)

// errWebPage is about what a server sends in place of a file that asks for a login.
var errWebPage = errors.New("is a web page in place of the file: fetch the file again, logged in to the Hub if its model asks for that (hf auth login)")

// openInput opens a file of a checkpoint, and refuses a git-lfs pointer or a web page.
func openInput(path string) (*os.File, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, len(lfs.Prefix))
	n, _ := f.ReadAt(head, 0) // a file that cannot be read fails at its first use
	err = lfs.Check(head[:n])
	if text := strings.ToLower(string(head[:n])); strings.HasPrefix(text, "<!doctype html") || strings.HasPrefix(text, "<html") {
		err = errWebPage
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return f, nil
}

// readSmall reads a whole file, but no more than maxJSON bytes.
func readSmall(path string) ([]byte, error) {
	f, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := infile.ReadFile(f, maxJSON)
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(data, []byte{','}); n > maxValues {
		return nil, fmt.Errorf("%s: has %d commas, want at most %d values", path, n, maxValues)
	}
	return data, nil
}

// readJSON decodes the file at path into v. As in Python's json, NaN, Infinity
// and -Infinity are numbers; see [option] for their values.
func readJSON(path string, v any) error {
	data, err := readSmall(path)
	if err != nil {
		return err
	}
	return unmarshal(path, quoteConstants(data), v)
}

// unmarshal decodes JSON, which what names in errors.
func unmarshal(what string, data []byte, v any) error {
	if err := jsonerr.Explain(data, json.Unmarshal(data, v)); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// constants are the numbers that Python's json writes and JSON lacks.
var constants = [][]byte{[]byte("NaN"), []byte("-Infinity"), []byte("Infinity")}

// quoteConstants makes strings of the constants outside strings.
func quoteConstants(data []byte) []byte {
	if !bytes.Contains(data, constants[0]) && !bytes.Contains(data, constants[2]) {
		return data
	}
	var out []byte
	for i := 0; i < len(data); {
		n := 1
		switch c := data[i]; c {
		case '"':
			for i+n < len(data) && data[i+n] != '"' {
				if data[i+n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(data)-i)
		case 'N', 'I', '-':
			for _, name := range constants {
				if bytes.HasPrefix(data[i:], name) {
					out, n = fmt.Appendf(out, "%q", name), 0
					i += len(name)
					break
				}
			}
		}
		out = append(out, data[i:i+n]...)
		i += n
	}
	return out
}

// An option is a value of a JSON file that may be absent, or null.
type option[T any] struct {
	set, null bool
	value     T
}

// UnmarshalJSON reads a value. A float64 may be one of Python's constants.
func (o *option[T]) UnmarshalJSON(data []byte) error {
	o.set, o.null = true, bytes.Equal(data, []byte("null"))
	if f, ok := any(&o.value).(*float64); ok && data[0] == '"' {
		var name string
		if err := json.Unmarshal(data, &name); err != nil {
			return err
		}
		for _, known := range constants {
			if name == string(known) {
				_, err := fmt.Sscan(name, f)
				return err
			}
		}
	}
	return json.Unmarshal(data, &o.value)
}

// or returns the value, or fallback if it is absent or null.
func (o option[T]) or(fallback T) T {
	if !o.set || o.null {
		return fallback
	}
	return o.value
}

// oneOrMore reads the value of a key, which is one T or a list of them; null is an empty
// list. want names what is expected, for the error.
func oneOrMore[T any](data []byte, key, want string) (list []T, err error) {
	var one T
	switch {
	case string(data) == "null":
		return nil, nil
	case json.Unmarshal(data, &one) == nil:
		return []T{one}, nil
	case json.Unmarshal(data, &list) != nil:
		return nil, fmt.Errorf("%s is %.80s, want %s", key, data, want)
	}
	return list, nil
}

// exists reports whether path is a file, a folder or anything else.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// isFile reports whether path is a file, perhaps by a link.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// A member is a name and a value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns the members of a JSON object in the order of the file.
func members(object []byte) (all []member, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%.40q is not an object", object)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: t.(string)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}
