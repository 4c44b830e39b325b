package gguf

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
)

// TestPiecesAreTheValue puts the pieces of a value of each kind together again, arrays
// around the length of a piece among them.
func TestPiecesAreTheValue(t *testing.T) {
	texts := []string{"", "a", strings.Repeat("ä", 40_000), "", strings.Repeat("b", 70_000)}
	for range 20_000 {
		texts = append(texts, "piece")
	}
	values := []any{
		uint8(7), "text", true, float32(1.5), []string{}, []uint8{}, []float64{}, []string{"one"}, texts,
		make([]uint8, 64<<10), append(make([]uint8, 64<<10), 9), []int64{-1, 2}, []bool{true, false},
		append(make([]uint16, 32<<10), 5, 6), append(make([]float64, 3*(8<<10)), 0.5), make([]float32, 100_000),
	}
	var buf bytes.Buffer
	w := NewWriter(&buf)
	for i, v := range values {
		w.Add(strings.Repeat("k", i+1), v)
	}
	if err := errors.Join(w.WriteHeader(), w.Finish()); err != nil {
		t.Fatal(err)
	}
	f, err := New(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range values {
		got := reflect.ValueOf(want)
		pieces := 0
		for piece, err := range f.Pieces(strings.Repeat("k", i+1)) {
			if err != nil {
				t.Fatal(err)
			}
			if p := reflect.ValueOf(piece); pieces == 0 {
				got = p
			} else {
				got = reflect.AppendSlice(got, p)
			}
			pieces++
		}
		if got.Type() != reflect.TypeOf(want) || got.Kind() == reflect.Slice && got.Len()+reflect.ValueOf(want).Len() == 0 {
			if got.Type() != reflect.TypeOf(want) || pieces != 1 {
				t.Errorf("value %d: %d pieces of %v, want %T", i, pieces, got.Type(), want)
			}
			continue
		}
		if !reflect.DeepEqual(got.Interface(), want) {
			t.Errorf("value %d: %d pieces are not the %T", i, pieces, want)
		}
	}
	for _, err := range f.Pieces("missing") {
		if err == nil {
			t.Error("a missing key has pieces")
		}
	}
}

// TestPiecesAreBounded reads an array of 32 MiB: no piece takes more than its part.
func TestPiecesAreBounded(t *testing.T) {
	file := head(0, 1).text("a").u32(9).u32(0).u64(32 << 20)
	file = append(file, make([]byte, 32<<20)...)
	f, err := New(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	before, last := allocation.Total(), int64(0)
	for _, err := range f.Pieces("a") {
		if err != nil {
			t.Fatal(err)
		}
		now := allocation.Total() - before
		if now-last > 1<<20 {
			t.Fatalf("a piece takes %d bytes", now-last)
		}
		last = now
	}
}
