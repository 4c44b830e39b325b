package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestRepeatedNames are refused, as programs disagree about which value counts.
func TestRepeatedNames(t *testing.T) {
	s, image := serve(t, Options{}), dataURI(scene(t, "05"))
	for name, test := range map[string]struct{ path, body, param string }{
		"text":           {"/tokenize", `{"content":"a","content":"b"}`, "content"},
		"in capitals":    {"/tokenize", `{"content":"a","CONTENT":"b"}`, "content"},
		"long s":         {"/detokenize", `{"tokens":[],"token` + "\u017f" + `":[1]}`, "tokens"},
		"escaped":        {"/tokenize", `{"content":"a","\u0063ontent":"b"}`, "content"},
		"unknown":        {"/tokenize", `{"content":"a","x":1,"x":1}`, "x"},
		"labels":         {"/v1/detect", `{"labels":["cross"],"image":"` + image + `","labels":["circle"]}`, "labels"},
		"picture":        {"/v1/caption", `{"image":"` + image + `","image":""}`, "image"},
		"role":           {"/v1/chat/completions", `{"messages":[{"role":"system","content":"x","role":"user"}]}`, "role"},
		"messages":       {"/v1/chat/completions", `{"messages":[{"role":"user","content":"ocr"}],"messages":[{"role":"user"}]}`, "messages"},
		"options":        {"/api/generate", `{"model":"tiny","prompt":"ocr","options":{"seed":1},"options":{"top_k":1}}`, "options"},
		"seed":           {"/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"ocr"}],"options":{"seed":1,"seed":2}}`, "seed"},
		"data of a task": {"/predict", `{"label_config":"<View/>","tasks":[{"data":{"image":"a","image":"b"}}]}`, "image"},
		"very many":      {"/tokenize", `{"content":"a"` + fields(0, mostNamesInside) + `}`, "more than"},
		"many inside":    {"/tokenize", `{"content":"a"` + fields(0, mostNamesInside/2) + `,"x":{"y":1` + fields(0, mostNamesInside/2) + `}}`, "more than"},
	} {
		w, got := s.send("POST", test.path, []byte(test.body), "Content-Type", "application/json")
		if text := string(got); w.StatusCode != 400 || len(text) > 300 || !strings.Contains(text, "given twice") && !strings.Contains(text, "more than") || !strings.Contains(text, test.param) {
			t.Errorf("%s: status %d, want 400 about %s: %.300s", name, w.StatusCode, test.param, got)
		}
	}
	for name, body := range map[string]string{
		"in several objects": `{"content":"a","x":[{"y":1},{"y":1}],"y":{"x":{"y":1}}}`,
		"as values":          `{"content":"content","x":["x","x"]}`,
		"in capitals inside": `{"content":"a","x":{"y":1,"Y":1}}`,
		"quotes":             `{"content":"\"content\":\\","x":"\\\"","\"":1,"\\":"{"}`,
		"many":               `{"content":"a","x":{"y":1` + fields(0, 1<<15) + `},"y":{"y":1` + fields(0, 1<<15) + `}}`,
	} {
		if w, got := s.send("POST", "/tokenize", []byte(body)); w.StatusCode != 200 {
			t.Errorf("%s: status %d: %.300s", name, w.StatusCode, got)
		}
	}
}

// fields returns JSON fields, each behind a comma.
func fields(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `,"%d":0`, i)
	}
	return b.String()
}

// FuzzNames compares checkNames with a reader of tokens.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{`{"a":1,"a":2}`, `{"a":{"b":1,"\u0062":2}}`, `{"a\"":1,"a\\":["a",{"a":"a"}]}`, `[[],{},"{",{"":1,"":2}]`, ` { "a" : "\\" , "A" : "" } `, "{\"\xff\":1,\"\xfe\":2}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			t.Skip()
		}
		want := repeats(json.NewDecoder(bytes.NewReader(data)), 0)
		if err := checkNames(data); (err != nil) != want {
			t.Errorf("%q: error %v, want one: %v", data, err, want)
		}
	})
}

// repeats reads a JSON value at some depth, and reports whether an object has a name twice.
func repeats(in *json.Decoder, depth int) (twice bool) {
	in.UseNumber()
	token, err := in.Token()
	if err != nil {
		panic(err)
	}
	start, ok := token.(json.Delim)
	if !ok {
		return false
	}
	names := map[string]bool{}
	for in.More() {
		if start == '{' {
			token, err := in.Token()
			if err != nil {
				panic(err)
			}
			name := token.(string)
			if depth == 0 {
				name = strings.ToLower(strings.ToUpper(name))
			}
			twice = twice || names[name]
			names[name] = true
		}
		twice = repeats(in, depth+1) || twice
	}
	if _, err := in.Token(); err != nil {
		panic(err)
	}
	return twice
}
