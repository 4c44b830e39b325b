package record

import (
	"bytes"
	"errors"
	"image"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/allocation"
)

// answered is a record with every member of an answer.
func answered() *Record {
	at := 2.0
	return &Record{
		Key: "00112233445566778899aabbccddeeff", Image: "v.mp4#t=2.000", SHA256: "ab", Width: 64, Height: 48, Time: &at,
		Prompt: "segment cat ; dog", Model: "cd", MS: 12.5,
		Result: &paligemma.Result{
			Text:   "<loc0256><loc0256><loc0512><loc0512> cat",
			Tokens: []paligemma.Token{{ID: 7, Text: "<loc0256>", LogProb: -0.5, Spread: 1.25}},
			Objects: []paligemma.Object{
				{Label: "cat", Box: paligemma.Box{X0: 0.25, Y0: 0.25, X1: 0.5, Y1: 0.5}, Pixels: image.Rect(16, 12, 32, 24), Codes: []int{1, 2}, Score: 0.5, Last: 5},
				{Label: "dog"},
			},
			Problems: []paligemma.Problem{{Reason: "three", Text: "<loc0001>", First: 5, Last: 6}},
			Stop:     paligemma.StopEOS,
			Timings:  paligemma.Timings{Encode: 1, Prefill: 2, Decode: 3, PromptTokens: 4, Generated: 5},
		},
		Masks: []*Mask{{Size: [2]int{48, 64}, Counts: "<0>"}, nil},
	}
}

func failed() *Record {
	return &Record{Key: "01", Image: "a.jpg", Prompt: "ocr", Model: "cd", Error: &Failure{KindDecode, "broken"}}
}

// TestRecordsComeBack guards against members that are written and not read, or read
// otherwise.
func TestRecordsComeBack(t *testing.T) {
	for _, want := range []*Record{answered(), failed()} {
		line, err := Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(line, []byte("\n")) != 1 || bytes.Contains(line, []byte(`\u003c`)) {
			t.Errorf("not one readable line: %s", line)
		}
		got, err := Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v, from %s", got, want, line)
		}
	}
}

// TestALineHasTheDocumentedForm compares with the form that the package's documentation
// and pgcli run --help describe.
func TestALineHasTheDocumentedForm(t *testing.T) {
	r := answered()
	r.Tokens, r.Problems, r.Objects, r.Masks = nil, nil, r.Objects[:1], r.Masks[:1]
	want := `{"key":"00112233445566778899aabbccddeeff","image":"v.mp4#t=2.000","sha256":"ab","width":64,"height":48,"time":2,` +
		`"prompt":"segment cat ; dog","model":"cd","text":"<loc0256><loc0256><loc0512><loc0512> cat","tokens":null,` +
		`"objects":[{"label":"cat","box":{"x0":0.25,"y0":0.25,"x1":0.5,"y1":0.5},"pixels":{"x0":16,"y0":12,"x1":32,"y1":24},"codes":[1,2],"score":0.5,"first":0,"last":5}],` +
		`"stop":"eos","timings":{"encode_ns":1,"prefill_ns":2,"decode_ns":3,"prompt_tokens":4,"generated_tokens":5},"ms":12.5,` +
		`"masks":[{"size":[48,64],"counts":"<0>"}]}` + "\n"
	got, err := Encode(r)
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot  %swant %s", err, got, want)
	}
	want = `{"key":"01","image":"a.jpg","prompt":"ocr","model":"cd","error":{"kind":"decode","message":"broken"}}` + "\n"
	if got, err = Encode(failed()); err != nil || string(got) != want {
		t.Errorf("%v\ngot  %swant %s", err, got, want)
	}
}

// TestWrongLinesAreNamed: no line is read as a record that is none, and the error says
// where and why.
func TestWrongLinesAreNamed(t *testing.T) {
	good, err := Encode(failed())
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"{}\n":      "f:2: no record: it has no key",
		"\n":        "f:2: not JSON: byte 1",
		"[1]\n":     "f:2: the content is [1], want an object",
		"{\"a\"}\n": "f:2: not JSON: byte 5",
		strings.Replace(string(good), `"decode"`, `""`, 1):                            "f:2: no record: its error has no kind or no message",
		strings.Replace(string(good), `"error"`, `"fault"`, 1):                        "f:2: no record: it has neither an answer",
		strings.Replace(string(good), `"error"`, `"text":"","stop":"eos","error"`, 1): "f:2: no record: it has an answer and an error",
		strings.Replace(string(good), `"error"`, `"width":-1,"error"`, 1):             "f:2: no record: the size of its picture is -1 x 0",
		strings.Replace(string(good), `"error"`, `"masks":[null],"error"`, 1):         "f:2: no record: it has 1 masks",
		strings.Replace(string(good), `"ocr"`, `7`, 1):                                "f:2: prompt is 7, want a text",
		strings.TrimSuffix(string(good), "\n"):                                        "f:2: is cut: it has no line end",
		`{"key":"x"`:                                                                  "f:2: is cut: it has no line end",
	} {
		r := NewReader(strings.NewReader(string(good)+line), "f")
		if rec, err := r.Next(); err != nil || !reflect.DeepEqual(rec, failed()) {
			t.Fatalf("the first line: %+v, %v", rec, err)
		}
		if rec, err := r.Next(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %s", line, rec, err, want)
		}
		if r.Offset() < int64(len(good)) || r.Line() != 2 {
			t.Errorf("%q: at line %d, byte %d", line, r.Line(), r.Offset())
		}
	}
}

// TestTheEndOfAFile tells a whole file from a torn one.
func TestTheEndOfAFile(t *testing.T) {
	var file bytes.Buffer
	for range 3 {
		if err := Append(&file, answered()); err != nil {
			t.Fatal(err)
		}
	}
	for cut, want := range map[int]error{0: io.EOF, 1: ErrTorn, file.Len()/3 - 1: ErrTorn, file.Len() / 3: io.EOF} {
		r := NewReader(bytes.NewReader(file.Bytes()[:file.Len()-cut]), "f")
		n := 0
		var err error
		for err == nil {
			if _, err = r.Next(); err == nil {
				n++
			}
		}
		if !errors.Is(err, want) {
			t.Errorf("%d bytes cut: %v, want %v", cut, err, want)
		}
		if got := int(r.Offset()); got != n*file.Len()/3 {
			t.Errorf("%d bytes cut: after %d records at byte %d", cut, n, got)
		}
	}
}

// TestFewBytesTakeLittle: a line of many values of a few bytes each is refused, and the longest
// that is read takes little.
func TestFewBytesTakeLittle(t *testing.T) {
	const start = `{"key":"01","image":"a.jpg","prompt":"ocr","model":"cd","text":"\",[{","stop":"eos","objects":[`
	for value, most := range map[string]int{"{}": 30_980, "null": 61_970} {
		for n, want := range map[int]string{1 << 20: "no record: it is too large: it has more than 62000 JSON values", most: ""} {
			line := []byte(start + strings.Repeat(value+",", n) + value + "]}")
			allocation.Bound(t, len(line), func() {
				_, err := Decode(line)
				if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
					t.Errorf("%d of %s: %v, want %q", n, value, err, want)
				}
			})
		}
	}
	r := answered()
	r.Tokens = make([]paligemma.Token, 40_000)
	if _, err := Encode(r); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), r.Image) || !strings.Contains(err.Error(), "has more than 62000 JSON values") {
		t.Errorf("a record that could not be read is written: %v", err)
	}
}
