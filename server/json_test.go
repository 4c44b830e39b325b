package server

import (
	"errors"
	"strings"
	"testing"
)

// TestWrongTypes: a message tells every type that a field may have.
func TestWrongTypes(t *testing.T) {
	for body, want := range map[string]string{
		`[]`:                             "the body is a JSON array, want an object",
		`7`:                              "the body is a JSON number, want an object",
		`{"messages": 7}`:                `field "messages" is a JSON number, want an array`,
		`{"messages": [{"content": 7}]}`: `field "messages.content" is a JSON number, want a string or an array`,
		`{"stop": 7}`:                    `field "stop" is a JSON number, want a string or an array`,
		`{"temperature": 1e400}`:         "number 1e400, want a number that fits a float",
		`{"temperature": "1"}`:           `field "temperature" is a JSON string, want a number`,
	} {
		var r chatRequest
		if err := parse([]byte(body), &r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	for body, want := range map[string]string{`{"seed": 9223372036854775808}`: "seed", `{"image": 7}`: "image", `{"parameters": {"threshold": "x"}}`: "parameters.threshold"} {
		var f *failure
		if err := parse([]byte(body), new(detectRequest)); !errors.As(err, &f) || f.param != want || !strings.Contains(err.Error(), `field "`+want+`"`) {
			t.Errorf("%s: %v, want it to be about %s", body, err, want)
		}
	}
}
