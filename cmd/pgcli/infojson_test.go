package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/allocation"
	"github.com/pgcli/paligemma/internal/testrace"
)

// hostileGGUF writes a file of metadata alone, from name and value in turn.
func hostileGGUF(t *testing.T, keysAndValues ...any) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "hostile.gguf")
	w, err := gguf.Create(path)
	must(t, err)
	defer w.Close()
	for i := 0; i < len(keysAndValues); i += 2 {
		w.Add(keysAndValues[i].(string), keysAndValues[i+1])
	}
	must(t, w.WriteHeader())
	must(t, w.Commit())
	return path
}

// TestInfoJSONHasAllValues: metadata of every kind is valid JSON, with what a terminal
// obeys escaped.
func TestInfoJSONHasAllValues(t *testing.T) {
	const hostile = "\x1b]0;owned\x07\u009b31m\u202e\u2066<b>\x7f\u0085\\\""
	long := strings.Repeat("ä", 20_000) + hostile
	path := hostileGGUF(t,
		"general.architecture", hostile, "key"+hostile, []string{hostile, "", long}, "long", long,
		"none", []string{}, "no numbers", []float32{}, "bytes", []uint8{1, 2, 255}, "odd", float32(math.NaN()),
		"floats", []float64{1.5, math.Inf(-1), math.Inf(1), 0.1}, "single", []float32{0.1}, "yes", []bool{true, false},
		"large", uint64(math.MaxUint64), "small", int64(math.MinInt64))
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"pgcli", "info", "--json", path}, nil, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	if strings.ContainsAny(stdout.String(), "\x1b\x07\x7f\u0085\u009b\u202e\u2066") {
		t.Error("a terminal would obey something")
	}
	numbers := json.NewDecoder(&stdout)
	numbers.UseNumber()
	var got struct{ Metadata map[string]any }
	must(t, numbers.Decode(&got))
	want := map[string]any{
		"general.architecture": hostile, "key" + hostile: []any{hostile, "", long}, "long": long,
		"none": []any{}, "no numbers": []any{}, "bytes": []any{json.Number("1"), json.Number("2"), json.Number("255")}, "odd": "NaN",
		"floats": []any{json.Number("1.5"), "-Inf", "+Inf", json.Number("0.1")}, "single": []any{json.Number("0.1")}, "yes": []any{true, false},
		"large": json.Number("18446744073709551615"), "small": json.Number("-9223372036854775808"),
	}
	for key, value := range want {
		if !reflect.DeepEqual(got.Metadata[key], value) {
			t.Errorf("%q: %.200v, want %.200v", key, got.Metadata[key], value)
		}
	}
	if len(got.Metadata) != len(want) {
		t.Errorf("%d keys, want %d", len(got.Metadata), len(want))
	}
}

// A liveWriter collects garbage now and then while something is written, and keeps the
// most memory that was left.
type liveWriter struct {
	written, next int
	most          uint64 // bytes
}

func (w *liveWriter) Write(p []byte) (int, error) {
	if w.written += len(p); w.written >= w.next {
		w.next += 2 << 20
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return len(p), nil
}

// TestInfoOfADenseHeaderIsBounded: info of a header of 16 MiB takes no more than 64 MiB and
// 4 times the file; in JSON it holds no array, and a long string no more than twice.
func TestInfoOfADenseHeaderIsBounded(t *testing.T) {
	testrace.Sequential(t)
	const size = 16 << 20
	for name, make := range map[string]func() any{
		"empty strings":           func() any { return make([]string, size/8) },
		"bytes":                   func() any { return make([]uint8, size) },
		"numbers":                 func() any { return make([]float64, size/8) },
		"a string to be escaped":  func() any { return strings.Repeat("\x01", size) },
		"strings, some of them ä": func() any { return strings.Split(strings.Repeat("abcdefgh,ä,", size/28), ",") },
	} {
		path := hostileGGUF(t, "key", make())
		var before runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var w liveWriter
		if code := run(t.Context(), []string{"pgcli", "info", path, "--json"}, nil, &w, io.Discard); code != 0 {
			t.Fatalf("%s: exit code %d", name, code)
		}
		most := before.HeapAlloc + 4<<20
		if strings.HasPrefix(name, "a string") {
			most += 2 * size
		}
		if w.written < size/8 || w.most > most {
			t.Errorf("%s: %d bytes are held at most, want %d; %d are written", name, w.most, most, w.written)
		}
		allocation.Bound(t, size, func() {
			if code := run(t.Context(), []string{"pgcli", "info", path}, nil, io.Discard, io.Discard); code != 0 {
				t.Errorf("%s: exit code %d", name, code)
			}
		})
	}
}
