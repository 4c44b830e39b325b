package merge

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// line returns a record; text "" makes it an error.
func line(t *testing.T, image, prompt, text string, time *float64) string {
	t.Helper()
	r := &record.Record{Key: fmt.Sprintf("%x", image+prompt), Image: image, Prompt: paligemma.Prompt(prompt), Model: "m", Time: time}
	if text == "" {
		r.Error = &record.Failure{Kind: "read", Message: "gone"}
	} else {
		r.Result = &paligemma.Result{Text: text, Stop: paligemma.StopEOS}
	}
	data, err := record.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// join writes shards and merges them. It checks the number of what is missing.
func join(t *testing.T, list []string, shards ...string) (out string, report *Report, missing []Missing) {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, text := range shards {
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("s%d", i)))
		if err := os.WriteFile(paths[i], []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var names iter.Seq2[string, error]
	if list != nil {
		names = func(yield func(string, error) bool) {
			for _, name := range list {
				if !yield(name, nil) {
					return
				}
			}
		}
	}
	path := filepath.Join(dir, "out")
	report, err = s.Write(t.Context(), path, false, names, func(m Missing) error {
		missing = append(missing, m)
		return nil
	})
	if err != nil || report.Missing != len(missing) {
		t.Fatalf("%+v with %v missing, error %v", report, missing, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), report, missing
}

// TestMergedShardsAreTheUndisturbedRun: however pictures fall into shards, and shards
// are named, the file is that of one run.
func TestMergedShardsAreTheUndisturbedRun(t *testing.T) {
	var want []string
	two, ten := 2.0, 10.0
	names := []string{"a/b.png", "a/c/d.png", "a.png", "b/f.mp4#t=2.000", "b/f.mp4#t=10.000", "z.parquet#9", "z.parquet#10", "ä.png"}
	for _, image := range names {
		var at *float64
		switch {
		case strings.HasSuffix(image, "=2.000"):
			at = &two
		case strings.HasSuffix(image, "=10.000"):
			at = &ten
		}
		for _, prompt := range []string{"ocr", "caption en"} {
			want = append(want, line(t, image, prompt, "text of "+image, at))
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		shards := make([]string, 3)
		for _, i := range rng.Perm(len(names)) {
			shards[rng.IntN(3)] += want[2*i] + want[2*i+1]
		}
		for _, list := range [][]string{nil, names} {
			if got, report, _ := join(t, list, shards...); got != strings.Join(want, "") || report.Records != len(want) || report.Missing != 0 {
				t.Fatalf("merged to\n%swith %+v, want\n%s", got, report, strings.Join(want, ""))
			}
		}
	}
	reversed := slices.Clone(names)
	slices.Reverse(reversed)
	if got, _, _ := join(t, reversed, strings.Join(want, "")); !strings.HasPrefix(got, want[14]+want[15]+want[12]) {
		t.Errorf("the order is not the list's:\n%s", got)
	}
}

// TestDuplicates: an answer goes before an error, a later line before an earlier one of
// its file, and the first file before others.
func TestDuplicates(t *testing.T) {
	bad, one, other := line(t, "a", "ocr", "", nil), line(t, "a", "ocr", "one", nil), line(t, "a", "ocr", "other", nil)
	for _, c := range []struct {
		shards []string
		want   string
	}{
		{[]string{bad, one}, one}, {[]string{one, bad}, one}, {[]string{one, other}, one}, {[]string{one + other}, other},
		{[]string{one + bad}, one}, {[]string{bad + bad}, bad}, {[]string{bad, bad}, bad}, {[]string{bad + one, other}, one},
	} {
		got, report, _ := join(t, nil, c.shards...)
		if got != c.want || report.Duplicates != 1 && len(c.shards) == 2 && c.want != one {
			t.Errorf("%q gives %q, want %q", c.shards, got, c.want)
		}
		if failed := report.Failed == 1; failed != (c.want == bad) || report.Records != 1 {
			t.Errorf("%q: report %+v", c.shards, report)
		}
	}
}

// TestAChangedPictureFails: a failure about other bytes takes the place of an answer, in
// one file.
func TestAChangedPictureFails(t *testing.T) {
	sum := func(record, digit string) string {
		return strings.Replace(record, `"prompt"`, `"sha256":"`+strings.Repeat(digit, 64)+`","prompt"`, 1)
	}
	one, same, other := sum(line(t, "a", "ocr", "one", nil), "1"), sum(line(t, "a", "ocr", "", nil), "1"), sum(line(t, "a", "ocr", "", nil), "2")
	for _, c := range []struct {
		shards []string
		want   string
	}{{[]string{one + other}, other}, {[]string{one + same}, one}, {[]string{one, other}, one}, {[]string{other + one}, one}} {
		if got, _, _ := join(t, nil, c.shards...); got != c.want {
			t.Errorf("%q gives %q, want %q", c.shards, got, c.want)
		}
	}
}

// TestMissingIsNamed: pictures of the list without records, prompts that one picture
// lacks, pictures that the list does not name, and a torn line.
func TestMissingIsNamed(t *testing.T) {
	shard := line(t, "b", "ocr", "x", nil) + line(t, "b", "caption en", "x", nil) + line(t, "c", "caption en", "x", nil) + line(t, "d", "ocr", "x", nil)
	_, report, missing := join(t, []string{"a", "b", "c", "a"}, shard+`{"key":`)
	want := []Missing{{"a", ""}, {"c", "ocr"}}
	if !slices.Equal(missing, want) || report.Others != 1 || report.Records != 3 || len(report.Torn) != 1 {
		t.Errorf("report %+v, %v missing, want %v, 1 other, 3 records, 1 torn", report, missing, want)
	}
	_, _, missing = join(t, nil, shard)
	if want := []Missing{{"c", "ocr"}, {"d", "caption en"}}; !slices.Equal(missing, want) {
		t.Errorf("without a list %v is missing, want %v", missing, want)
	}
}

// TestRunsAreNotMixed: one question with two keys.
func TestRunsAreNotMixed(t *testing.T) {
	a := line(t, "a", "ocr", "x", nil)
	b := strings.Replace(a, `"key":"`, `"key":"0`, 1)
	paths := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	for i, text := range []string{a, b} {
		if err := os.WriteFile(paths[i], []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := Open(t.Context(), paths...); err == nil || !strings.Contains(err.Error(), "b:1: picture a and prompt \"ocr\" have the key") {
		t.Errorf("set %v, error %v, want one about two keys", s, err)
	}
	s, err := Open(t.Context(), paths[0])
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Write(t.Context(), paths[0], true, nil, nil); err == nil || !strings.Contains(err.Error(), "one of the files that are joined") {
		t.Errorf("error %v over the input, want a refusal", err)
	}
}

// TestAShardThatIsCutIsNoRecord: a shard that became shorter after it was opened is an error,
// not half a record in the output.
func TestAShardThatIsCutIsNoRecord(t *testing.T) {
	dir := t.TempDir()
	shard, out := filepath.Join(dir, "shard"), filepath.Join(dir, "out")
	text := line(t, "a", "ocr", "x", nil) + line(t, "b", "ocr", "x", nil)
	if err := os.WriteFile(shard, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), shard)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Truncate(shard, int64(len(text)-10)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Write(t.Context(), out, false, nil, func(Missing) error { return nil })
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), shard+" is shorter than when it was opened") {
		t.Errorf("error %v, want one about %s, which is shorter", err, shard)
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the output: %v, want none", err)
	}
}
