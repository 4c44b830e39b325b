package batch_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/newfile"
)

// line is the record of a failure.
func line(t *testing.T, id batch.Identity, image string) string {
	t.Helper()
	data, err := record.Encode(&record.Record{Key: id.Key(image, "ocr"), Image: image, Prompt: "ocr", Model: id.Model, Error: &record.Failure{Kind: "read", Message: "gone"}})
	must(t, err)
	return string(data)
}

// TestForeignFilesStay: a file that is no file of this run's records is refused and stays
// as it is, also by an output that was named by mistake. Only records are removed by force.
func TestForeignFilesStay(t *testing.T) {
	other := identity
	other.Model = "another"
	flags := batch.Identity{Model: identity.Model, Settings: []batch.Setting{{Name: "--predict", Value: "13"}}}
	for content, want := range map[string]string{
		"hello":                         `begins with "hello"`,
		"\x89PNG\r\n\x1a\n":             `begins with "\x89PNG\r\n\x1a\n"`,
		line(t, identity, "a") + "{}\n": "out.jsonl:2: no record: it has no key",
		line(t, other, "a"):             "out.jsonl:1 is an answer of another model",
		line(t, identity, "a") + line(t, flags, "b"): "out.jsonl:2 is an answer with other flags than now (--predict 12)",
	} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		must(t, os.WriteFile(path, []byte(content), 0o644))
		out, err := batch.Open(t.Context(), path, identity, false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", content, err, want)
		}
		out.Close()
		if data, err := os.ReadFile(path); err != nil || string(data) != content {
			t.Errorf("%q: the file is %q now, %v", content, data, err)
		}
		out, err = batch.Open(t.Context(), path, identity, true)
		out.Close()
		_, gone := os.Stat(path) // Close removes a file without records
		if records := strings.HasPrefix(content, `{"key":"`); (err == nil) != records || (gone != nil) != records {
			t.Errorf("%q, by force: error %v, and then %v, want it removed: %v", content, err, gone, records)
		}
	}
}

// TestOneProcessWritesAFile: a second one is refused, and the file stays.
func TestOneProcessWritesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	must(t, os.WriteFile(path, []byte(line(t, identity, "a")), 0o644))
	first, err := batch.Open(t.Context(), path, identity, false)
	must(t, err)
	for _, force := range []bool{false, true} {
		if _, err := batch.Open(t.Context(), path, identity, force); !errors.Is(err, newfile.ErrBusy) {
			t.Errorf("force %v: error %v, want %v", force, err, newfile.ErrBusy)
		}
	}
	must(t, first.Close())
	again, err := batch.Open(t.Context(), path, identity, false)
	must(t, err)
	if n, failed := again.Len(); n != 1 || failed != 1 {
		t.Errorf("%d records, %d failures", n, failed)
	}
	must(t, again.Close())
}

// TestATornLineIsCut, whatever a crash left there, and only it.
func TestATornLineIsCut(t *testing.T) {
	good := line(t, identity, "a")
	for _, torn := range []string{"{", good[:len(good)-1], strings.Repeat("\x00", 100)} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		must(t, os.WriteFile(path, []byte(good+torn), 0o644))
		out, err := batch.Open(t.Context(), path, identity, false)
		must(t, err)
		if !out.Torn() {
			t.Errorf("%q: not torn", torn)
		}
		must(t, out.Close())
		if data, err := os.ReadFile(path); err != nil || string(data) != good {
			t.Errorf("%q: the file is %q now, %v", torn, data, err)
		}
	}
}

// TestShardsAreRead in one form only.
func TestShardsAreRead(t *testing.T) {
	for _, text := range []string{"", "1", "1/", "/2", "2/2", "-1/2", "0/0", "01/2", "1/2x", " 1/2", "1/2/3"} {
		if s, err := batch.ParseShard(text); err == nil {
			t.Errorf("%q is read as %v", text, s)
		}
	}
	if s, err := batch.ParseShard("3/16"); err != nil || s != (batch.Shard{Index: 3, Of: 16}) {
		t.Errorf("3/16 is read as %v, %v", s, err)
	}
	// printf photo.jpg | sha256sum prints aff6100bd4df0ea6...: 6 modulo 16.
	for i := range 16 {
		if got, want := (batch.Shard{Index: i, Of: 16}).Has("photo.jpg"), i == 6; got != want {
			t.Errorf("photo.jpg is in shard %d: %v, want %v", i, got, want)
		}
	}
}
