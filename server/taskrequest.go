package server

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// readTask reads the request of one of our own endpoints into v, a struct, and returns
// its pictures. A request is
//
//   - JSON with the fields of v; the picture is its field image, or Hugging Face's inputs,
//   - a form (multipart/form-data) with the same fields and the file image, or
//   - the picture file itself. Some clients send it without its type, or as another's.
//
// The URL's query may have fields, too, of each of them. A field that v lacks is an error,
// and so is one that the query and the body both have.
func (s *Server) readTask(w http.ResponseWriter, r *http.Request, v picturer) ([]byte, error) {
	data, err := s.readBody(w, r)
	if err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // Query would leave out what it cannot read
		return nil, fail(http.StatusBadRequest, "the query of the URL cannot be read: %w: a percent sign is spelled %%25 there, and a semicolon %%3B", err)
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "multipart/form-data":
		if data, err = readForm(data, params["boundary"], s.opts.MaxBody, query, v); err != nil {
			return nil, err
		}
	case strings.HasPrefix(kind, "image/") || kind == "application/octet-stream" || kind != "application/json" && !mayBeJSON(data):
		if err := setFields(v, query); err != nil {
			return nil, err
		}
		if kind == "application/x-www-form-urlencoded" && !utf8.Valid(data) && !bytes.ContainsAny(data, "\x00\r\n") {
			return nil, wrong("image", "image lacks bytes, as curl's -d leaves line ends and zeros out: send it by --data-binary @FILE, or -F image=@FILE")
		}
	default:
		if err := setFields(v, query); err != nil {
			return nil, err
		}
		if err := readObject(data, query, v); err != nil {
			return nil, err
		}
		picture, err := v.picture()
		if err != nil {
			return nil, err
		}
		return s.sources.read(r.Context(), "image", picture)
	}
	if len(data) == 0 {
		return nil, wrong("image", "image is missing: want the picture's file")
	}
	return data, nil
}

// readObject reads the fields of a JSON object into v, which has those of the query.
func readObject(data []byte, query url.Values, v picturer) error {
	if err := checkParts(data); err != nil {
		return err
	}
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(v); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return wrong(strings.Trim(name, `"`), "no field %s is known here", name)
		}
		if errors.As(err, new(*json.UnmarshalTypeError)) || errors.As(err, new(*failure)) {
			return parse(data, v)
		}
		return fail(http.StatusBadRequest, "the body is neither a JSON object, nor a form, nor a picture: %w", err)
	}
	if _, err := in.Token(); err != io.EOF {
		return fail(http.StatusBadRequest, "the body goes on after its JSON object")
	}
	if err := checkNames(data); err != nil {
		return err
	}
	if len(query) == 0 { // a large body would be read once more for nothing
		return nil
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(data, &fields) // it has been read before
	return checkApart(query, maps.Keys(fields))
}

// mayBeJSON reports whether data starts as a JSON value, which no picture does, or is
// empty: an error about JSON fits it then, and else one about a picture.
func mayBeJSON(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) == 0 || bytes.IndexByte([]byte(`{["-0123456789tfn`), data[0]) >= 0
}

// A picturer is a request about a picture.
type picturer interface{ picture() (string, error) }

// A pictured request names its picture in JSON.
type pictured struct {
	Image  string `json:"image"`  // a data URI, base64 or URL
	Inputs string `json:"inputs"` // base64, as Hugging Face's clients send it
}

// picture returns the source of the picture; "" without one. Two are an error: the answer
// would be about one of them without a word.
func (p *pictured) picture() (string, error) {
	if p.Image != "" && p.Inputs != "" {
		return "", wrong("inputs", "image and inputs are both given, want the picture in one of them")
	}
	return cmp.Or(p.Image, p.Inputs), nil
}

// checkApart refuses a field that is in a URL's query and among the names in a body: the
// answer would be about one of its values without a word.
func checkApart(query url.Values, names iter.Seq[string]) error {
	for name := range names {
		for other := range query {
			if strings.EqualFold(name, other) {
				return wrong(other, "field %.40q is given in the URL and in the body, want it once", other)
			}
		}
	}
	return nil
}

// readForm reads the fields of a form, and of a URL's query, into v and returns the form's
// picture; nil without one. The form lies in memory already, so nothing of it is written to
// disk.
func readForm(data []byte, boundary string, most int64, query url.Values, v any) ([]byte, error) {
	request := http.Request{Method: http.MethodPost, Body: io.NopCloser(bytes.NewReader(data)),
		Header: http.Header{"Content-Type": {mime.FormatMediaType("multipart/form-data", map[string]string{"boundary": boundary})}}}
	if err := request.ParseMultipartForm(most + 1); err != nil { // all of it stays in memory
		return nil, fail(http.StatusBadRequest, "the form cannot be read: %w", err)
	}
	defer request.MultipartForm.RemoveAll()
	if _, ok := request.MultipartForm.Value["image"]; ok {
		return nil, wrong("image", "image is a text of the form, want a file: curl has -F image=@FILE for it")
	}
	for _, fields := range []url.Values{query, request.MultipartForm.Value} {
		if err := setFields(v, fields); err != nil {
			return nil, err
		}
	}
	if err := checkApart(query, maps.Keys(request.MultipartForm.Value)); err != nil {
		return nil, err
	}
	for name, files := range request.MultipartForm.File {
		if name != "image" || len(files) != 1 {
			return nil, wrong(name, "the form has %d files named %.40q, want one file, named image", len(files), name)
		}
		f, err := files[0].Open()
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(f)
	}
	return nil, nil
}

// setFields sets fields of the struct that v points to, by their JSON names. Texts
// that hold a list have commas between them, or are several.
func setFields(v any, values url.Values) error {
	for name, given := range values {
		field, ok := fieldOf(reflect.ValueOf(v).Elem(), name)
		if !ok || name == "inputs" || name == "image" || name == "parameters" {
			return wrong(name, "no field %.40q is known here", name)
		}
		if err := setField(field, given); err != nil {
			return wrong(name, "field %s is %.60q: %w", name, strings.Join(given, ", "), err)
		}
	}
	return nil
}

// fieldOf returns the field of a struct with a JSON name, embedded structs included. The
// name has to be spelled exactly, unlike in JSON. Embedded structs have none.
func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	for _, f := range reflect.VisibleFields(v.Type()) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name && name != "" {
			return v.FieldByIndex(f.Index), true
		}
	}
	return reflect.Value{}, false
}

// setField sets a field to what a text spells in JSON, or to the text itself.
func setField(field reflect.Value, given []string) error {
	if !utf8.ValidString(strings.Join(given, "")) {
		return fail(http.StatusBadRequest, "want text in UTF-8")
	}
	if field.Kind() == reflect.Slice {
		var list []string
		for _, text := range given {
			for part := range strings.SplitSeq(text, ",") {
				list = append(list, strings.TrimSpace(part))
			}
		}
		field.Set(reflect.ValueOf(list))
		return nil
	}
	if len(given) != 1 {
		return fail(http.StatusBadRequest, "want it once")
	}
	target := field
	if field.Kind() == reflect.Pointer {
		target = reflect.New(field.Type().Elem()).Elem()
	}
	text := strings.TrimSpace(given[0])
	if target.Kind() == reflect.String {
		target.SetString(given[0])
	} else if err := json.Unmarshal([]byte(text), target.Addr().Interface()); err != nil || text == "null" {
		return fail(http.StatusBadRequest, "want a %s", target.Kind())
	}
	if field.Kind() == reflect.Pointer {
		field.Set(target.Addr())
	}
	return nil
}

// sizeObject is the size of a picture, in pixels.
type sizeObject struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// seconds spells a time.
func seconds(d time.Duration) float64 { return d.Seconds() }
