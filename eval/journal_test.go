package eval

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/newfile"
)

var aSetting = []Setting{{"model", "a"}, {"--predict", "6"}}

// scored runs a data set with a journal and returns the report without times, and the
// finished file without times.
func scored(t *testing.T, m *paligemma.Model, set *DataSet, out string) (*Report, string) {
	t.Helper()
	j, err := OpenJournal(t.Context(), out, false, set, aSetting)
	must(t, err)
	r, err := Run(t.Context(), m, set, &Options{MaxTokens: 6, Journal: j})
	must(t, err)
	must(t, j.Finish(t.Context()))
	must(t, j.Close())
	r.Encode, r.Picture, r.Pictures = 0, 0, 0
	for i := range r.Tasks {
		r.Tasks[i].Time = 0
	}
	return r, timeless(t, out)
}

func timeless(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(regexp.MustCompile(`"answer_ns":\d+`).ReplaceAll(data, nil))
}

// TestAStoppedRunGoesOn cuts the journal of a run at many places, as a kill would, and
// goes on: report and file are those of an undisturbed run.
func TestAStoppedRunGoesOn(t *testing.T) {
	m := open(t, "f32")
	path := folder(t, line(t, "caption en", "a cat", ""), line(t, "segment cat", loc+" cat", ""), line(t, "ocr", "x", ""), line(t, "answer en why", "x", ""))
	set, err := Open(t.Context(), path, 0)
	must(t, err)
	dir := t.TempDir()
	want, file := scored(t, m, set, filepath.Join(dir, "whole"))
	if n := strings.Count(file, "\n"); n != 4 {
		t.Fatalf("%d lines, want 4", n)
	}

	out := filepath.Join(dir, "out")
	j, err := OpenJournal(t.Context(), out, false, set, aSetting)
	must(t, err)
	_, err = Run(t.Context(), m, set, &Options{MaxTokens: 6, Journal: j})
	must(t, err)
	must(t, j.Close())
	journal, err := os.ReadFile(out + ".partial")
	must(t, err)
	for cut := 0; cut <= len(journal); cut += 1 + len(journal)/23 {
		must(t, os.WriteFile(out+".partial", journal[:cut], 0o600))
		got, text := scored(t, m, set, out)
		if !reflect.DeepEqual(got, want) || text != file {
			t.Errorf("after %d of %d bytes: report %+v, want %+v\nfile %s\nwant %s", cut, len(journal), got, want, text, file)
		}
		if _, err := os.Lstat(out + ".partial"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the journal is left: %v", err)
		}
		must(t, os.Remove(out))
	}
}

// TestStrangeJournalsAreKept: a journal of other settings, a file that is none, and one
// that is damaged are refused and keep their bytes.
func TestStrangeJournalsAreKept(t *testing.T) {
	set, err := Open(t.Context(), folder(t, line(t, "ocr", "x", "")), 0)
	must(t, err)
	const answer = `{"answer":{"line":1,"answer":"x","stop":"eos","answer_ns":5},"tokens":[],"size":[8,8]}` + "\n"
	const begin = `{"settings":[{"name":"model","value":"a"},{"name":"--predict","value":"6"}]}` + "\n"
	for _, c := range []struct{ text, want string }{
		{strings.Replace(begin, `"6"`, `"7"`, 1) + answer, `1 answers of another run, whose --predict is "7", and is "6" now`},
		{strings.Replace(begin, `{"name":"model","value":"a"},`, "", 1) + answer, "of another run, with other settings"},
		{answer, "no journal of this version"},
		{"some text", "no journal of this version"},
		{begin + "{}\n" + answer, ":2: not an answer"},
		{begin + strings.Replace(answer, `"stop":"eos",`, "", 1), ":2: not an answer"},
		{begin + strings.Replace(answer, `[]`, "[{}"+strings.Repeat(",{}", 31_000)+"]", 1), ":2: not an answer: it is too large: it has more than 62000 JSON values"},
		{strings.Replace(begin, `[`, "["+strings.Repeat("{},", 31_000), 1) + answer, "no journal of this version"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		must(t, os.WriteFile(out+".partial", []byte(c.text), 0o600))
		if _, err := OpenJournal(t.Context(), out, false, set, aSetting); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "out.partial") {
			t.Errorf("%.300q: error is %v, want %q", c.text, err, c.want)
		}
		if data, _ := os.ReadFile(out + ".partial"); !bytes.Equal(data, []byte(c.text)) {
			t.Errorf("%.300q became %.300q", c.text, data)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	must(t, os.WriteFile(out, []byte("old"), 0o600))
	if _, err := OpenJournal(t.Context(), out, false, set, aSetting); !errors.Is(err, newfile.ErrExists) {
		t.Errorf("an existing file: %v", err)
	}
	first, err := OpenJournal(t.Context(), out, true, set, aSetting)
	must(t, err)
	if _, err := OpenJournal(t.Context(), out, true, set, aSetting); !errors.Is(err, newfile.ErrBusy) {
		t.Errorf("a second writer: %v", err)
	}
	must(t, errors.Join(first.Close(), first.Close(), (*Journal)(nil).Close()))
	if _, err := os.Lstat(out + ".partial"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty journal is left: %v", err)
	}
}
