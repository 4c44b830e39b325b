package record

import (
	"bytes"
	"testing"
)

// FuzzRecord reads lines of records: what is read is written as a line that is read alike.
func FuzzRecord(f *testing.F) {
	for _, r := range []*Record{answered(), failed()} {
		line, err := Encode(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"key":"01","image":"a\u0000.jpg","prompt":"ocr","model":"cd","text":"","stop":"eos","objects":[null],"masks":[{"size":[1,1],"counts":""}]}`))
	f.Add([]byte(`{"key":"01","image":"a.jpg","prompt":"ocr","model":"cd","tokens":null,"text":null,"error":{"kind":"decode","message":"x"}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := Decode(line)
		if err != nil {
			return
		}
		first, err := Encode(r)
		if err != nil {
			t.Fatalf("%q is read but not written: %v", line, err)
		}
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("%q, written as %q, is not read: %v", line, first, err)
		}
		if second, err := Encode(again); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%q is written as %q, then as %q, error %v", line, first, second, err)
		}
	})
}
