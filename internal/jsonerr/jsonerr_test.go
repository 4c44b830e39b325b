package jsonerr

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestExplain(t *testing.T) {
	var v struct {
		Size  int       `json:"size"`
		Small uint8     `json:"small"`
		Scale float32   `json:"scale"`
		Name  *string   `json:"name"`
		Flag  bool      `json:"flag"`
		List  []float64 `json:"list"`
		Inner struct {
			Size int `json:"in.size"`
		} `json:"inner"`
	}
	for text, want := range map[string]string{
		`{"size":"8"}`:                    `size is "8", want a whole number`,
		`{"size":1.5}`:                    `size is 1.5, want a whole number`,
		`{"size":{}}`:                     `size is {}, want a whole number`,
		`{"size":{"a":"a\nb"}}`:           `size is an object, want a whole number`,
		`{"small":-1}`:                    `small is -1, want a whole number of 0 or more`,
		`{"scale":1e99}`:                  `scale is 1e99, want a number within its range`,
		`{"name":[1]}`:                    `name is [1], want a text`,
		`{"flag":1}`:                      `flag is 1, want true or false`,
		`{"list":3}`:                      `list is 3, want a list`,
		`{"inner":{"in.size":"x"}}`:       `inner.in.size is "x", want a whole number`,
		`{"list":[1,"x"]}`:                `list has a text in [1,"x"], want a number`,
		`{"inner":7}`:                     `inner is 7, want an object`,
		`[]`:                              `the content is [], want an object`,
		`"x"`:                             `the content is "x", want an object`,
		`{"size":`:                        `not JSON: byte 8: unexpected end of JSON input`,
		`{"size":x}`:                      `not JSON: byte 9: invalid character 'x' looking for beginning of value`,
		"\ufeff{}":                        `begins with a byte order mark, which JSON does not have: save it as UTF-8 without one`,
		"\xff\xfe{\x00":                   `begins with the byte order mark of UTF-16: save it as UTF-8 without one`,
		`{"size":"` + "aaaaaaaaaa" + `"}`: `size is "aaaaaaaaaa", want a whole number`,
	} {
		err := Explain([]byte(text), json.Unmarshal([]byte(text), &v))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	other := errors.New("other")
	if err := Explain([]byte("{}"), other); err != other {
		t.Errorf("another error became %v", err)
	}
	if err := Explain([]byte("\ufeff{}"), nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}
