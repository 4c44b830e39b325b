package server

import (
	"bytes"
	"image"
	"image/gif"
	"slices"
	"strings"
	"testing"
)

// TestFormsWithoutTheFile say what they have instead.
func TestFormsWithoutTheFile(t *testing.T) {
	s := serve(t, Options{})
	for text, want := range map[string]string{
		`name="image"` + "\r\n\r\n@photo.jpg":                         "image is a text of the form, want a file",
		`name="file"; filename="a.jpg"` + "\r\n\r\nx":                 `the form has 1 files named \"file\", want one file, named image`,
		`name="labels"` + "\r\n\r\ncat":                               "image is missing",
		`name="image"; filename="a.jpg"` + "\r\n\r\n":                 "image is missing",
		`name="image"; filename="a.jpg"` + "\r\n\r\nnothing but text": "found text",
	} {
		body := "--b\r\nContent-Disposition: form-data; name=\"labels\"\r\n\r\ncat\r\n--b\r\nContent-Disposition: form-data; " + text + "\r\n--b--\r\n"
		if w, got := s.send("POST", "/v1/detect", []byte(body), "Content-Type", "multipart/form-data; boundary=b"); w.StatusCode != 400 || !strings.Contains(string(got), want) {
			t.Errorf("%q: status %d, want 400 with %q: %s", text, w.StatusCode, want, got)
		}
	}
}

// posted returns what curl's -d makes of a file.
func posted(file []byte) []byte {
	return slices.DeleteFunc(slices.Clone(file), func(b byte) bool { return b == 0 || b == '\r' || b == '\n' })
}

// TestPictureWithoutItsType: Python's huggingface_hub sends bytes without a type, and curl
// says that they are a form's.
func TestPictureWithoutItsType(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	var b bytes.Buffer
	must(t, gif.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	for name, test := range map[string]struct {
		kind string
		body []byte
		want int
		text string
	}{
		"none":       {"", file, 200, ""},
		"curl's":     {"application/x-www-form-urlencoded", file, 200, ""},
		"curl -d's":  {"application/x-www-form-urlencoded", posted(file), 400, "-F image=@FILE"},
		"spaces":     {"application/x-www-form-urlencoded", []byte("P1 1 1 1 "), 200, ""},
		"GIF":        {"", b.Bytes(), 200, ""},
		"PNM":        {"text/plain", []byte("P1 1 1\n1\n"), 200, ""},
		"as JSON":    {"application/json", file, 400, "neither a JSON object, nor a form, nor a picture: invalid character"},
		"text":       {"", []byte("hello"), 400, `found text (\"hello\")`},
		"empty":      {"", nil, 400, "neither a JSON object, nor a form, nor a picture: EOF"},
		"empty file": {"image/png", nil, 400, "image is missing"},
		"half":       {"", []byte(`{"image":`), 400, "neither a JSON object, nor a form, nor a picture: unexpected EOF"},
		"null":       {"", []byte("null"), 400, "image is missing"},
		"field":      {"", []byte(`{"language":1}`), 400, `field \"language\" is a JSON number, want a string`},
	} {
		w, body := s.send("POST", "/v1/caption", test.body, "Content-Type", test.kind)
		if w.StatusCode != test.want || !strings.Contains(string(body), test.text) {
			t.Errorf("%s: status %d, want %d, %q: %s", name, w.StatusCode, test.want, test.text, body)
		}
	}
}
