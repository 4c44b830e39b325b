package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch/record"
)

// TestHostileMessages: what anybody may put into the streams ends no worker, opens nothing
// outside the folder, and becomes no record.
func TestHostileMessages(t *testing.T) {
	b := newBench(t, 3)
	outside := t.TempDir()
	scene(t, filepath.Join(outside, "secret.png"), 1)
	must(t, os.Symlink(filepath.Join(outside, "secret.png"), filepath.Join(b.dir, "link.png")))
	b.enqueue(0)
	var job struct{ Job string }
	must(t, json.Unmarshal(b.first(workStream), &job))
	for i, text := range []string{
		"", "{", "null", "[]", `"text"`, strings.Repeat("[", 100000), `{"image":1}`, `{"image":"a.png"}`, `{"image":"a.png","prompts":[""],"job":"x"}`,
		`{"image":"a.png","prompts":["<bos>"],"job":"x"}`, `{"image":"a.png","prompts":["ocr","ocr"],"job":"x"}`, `{"image":"a.png","prompts":["ocr"],"job":"x","more":1}`,
		fmt.Sprintf(`{"image":"000.png","prompts":["ocr"],"job":%q}`, job.Job), "\x00\xff\xfe", `{"image":"` + strings.Repeat("a", 1<<19) + `","prompts":["ocr"],"job":"x"}`,
	} {
		_, err := b.js.Publish(t.Context(), fmt.Sprintf("pgcli.default.work.hostile%d", i), []byte(text))
		must(t, err)
	}
	stored := b.left(workStream)
	// These are messages as enqueue writes them, of names that it refuses.
	for _, name := range []string{"../" + filepath.Base(outside) + "/secret.png", filepath.Join(outside, "secret.png"), "/etc/passwd", "a/../../x.png", ".", "s3://bucket/secret.png", ""} {
		b.forge(name, job.Job)
	}
	log := b.work(0)
	if strings.Count(log, "message removed") != int(stored)-4+1 { // one name is empty
		t.Errorf("of %d messages some were not removed:\n%s", stored, log)
	}
	if n := b.left(workStream); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	got := b.collect(3)
	if len(got) != 4+6 {
		t.Fatalf("%d records, want 4 of pictures and 6 of names outside", len(got))
	}
	for i, r := range got {
		switch {
		case i < 3 && r.Error != nil:
			t.Errorf("%s: %+v", r.Image, r.Error)
		case i >= 3 && (r.Error == nil || r.Error.Kind != record.KindRead || r.SHA256 != ""):
			t.Errorf("%s is read: %+v", r.Image, r)
		}
	}
}

// forge puts a message into the queue that only its name makes wrong.
func (b *bench) forge(name, job string) {
	b.Helper()
	format := `{"image":%q,"at":{"file":%q,"version":"0123456789abcdef"},"prompts":["caption en"],"job":%q}`
	data := fmt.Sprintf(format, name, name, job)
	sum := sha256.Sum256(fmt.Appendf(nil, format, name, "", job))
	_, err := b.js.Publish(b.Context(), "pgcli.default.work."+hex.EncodeToString(sum[:16]), []byte(data))
	must(b, err)
}

// first returns the first message of a stream.
func (b *bench) first(stream string) []byte {
	b.Helper()
	s := b.stream(stream)
	info, err := s.Info(b.Context())
	must(b, err)
	m, err := s.GetMsg(b.Context(), info.State.FirstSeq)
	must(b, err)
	return m.Data
}

// TestHostileResults become no records, and their questions are asked again.
func TestHostileResults(t *testing.T) {
	b := newBench(t, 2)
	b.enqueue(0)
	b.work(0)
	want := b.collect(0)
	s := b.stream(resultsStream)
	last, err := s.GetLastMsgForSubject(t.Context(), "pgcli.default.results.>")
	must(t, err)
	must(t, s.DeleteMsg(t.Context(), last.Sequence))
	other := strings.Replace(string(last.Data), `"model":"`, `"model":"0`, 1)
	for subject, data := range map[string]string{
		last.Subject:                          "garbage",
		"pgcli.default.results.zz.x.y.answer": string(last.Data),
		"pgcli.default.results.00." + strings.Repeat("0", 30) + ".0123456789abcdef.answer":  string(last.Data),
		"pgcli.default.results.00." + strings.Repeat("0", 999) + ".0123456789abcdef.answer": other,
		strings.Replace(last.Subject, "answer", "failure", 1):                               string(last.Data),
	} {
		_, err := b.js.Publish(t.Context(), subject, []byte(data))
		must(t, err)
	}
	if got := b.collect(3); len(got) != 1 {
		t.Errorf("%d records, want 1: a result that is not one is left out", len(got))
	}
	if n := b.left(resultsStream); n != 1 {
		t.Errorf("%d results are left, want 1", n)
	}
	wants(t, b.enqueue(0), "1 are queued now")
	b.work(0)
	if got := b.collect(0); len(got) != len(want) || got[0].Key != want[0].Key || got[1].Key != want[1].Key || got[1].Text != want[1].Text {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
