package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pgcli/paligemma/batch/record"
)

// A bench is a server, and a folder of pictures, for a test.
type bench struct {
	*testing.T
	s   *inProcess
	dir string
	js  jetstream.JetStream
}

func newBench(t *testing.T, n int) *bench {
	b := &bench{T: t, s: newInProcess(t), dir: t.TempDir()}
	for i := range n {
		scene(t, filepath.Join(b.dir, fmt.Sprintf("%03d.png", i)), i)
	}
	nc, err := nats.Connect(b.s.url())
	must(t, err)
	t.Cleanup(nc.Close)
	b.js, err = jetstream.New(nc)
	must(t, err)
	return b
}

// fleet runs a command that must end with a code, and returns its output and errors.
func (b *bench) fleet(code int, args ...string) string {
	b.Helper()
	got, stdout, stderr := fleet(b.Context(), append(args, "--server", b.s.url())...)
	if got != code {
		b.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	return stdout + stderr
}

func (b *bench) enqueue(code int, args ...string) string {
	b.Helper()
	return b.fleet(code, append([]string{"enqueue", b.dir, "-p", "caption en", "-n", "2"}, args...)...)
}

func (b *bench) work(code int, args ...string) string {
	b.Helper()
	return b.fleet(code, append([]string{"work", "--root", b.dir, "--until-done", "--parallel", "2", "--retry-wait", "10ms"}, args...)...)
}

// collect returns the records, of which some failed.
func (b *bench) collect(code int) (all []*record.Record) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "out.jsonl")
	b.fleet(code, "collect", b.dir, "-o", path)
	f, err := os.Open(path)
	must(b, err)
	defer f.Close()
	in := record.NewReader(f, path)
	for {
		r, err := in.Next()
		if err == io.EOF {
			return all
		}
		must(b, err)
		all = append(all, r)
	}
}

// stream returns one of the streams of the queue.
func (b *bench) stream(name string) jetstream.Stream {
	b.Helper()
	s, err := b.js.Stream(b.Context(), name)
	must(b, err)
	return s
}

// left returns the number of messages of a stream, 0 for none.
func (b *bench) left(name string) uint64 {
	b.Helper()
	info, err := b.stream(name).Info(b.Context())
	must(b, err)
	return info.State.Msgs
}

const (
	workStream    = "pgcli-default-work"
	resultsStream = "pgcli-default-results"
	stateStream   = "pgcli-default-state"
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
	for _, name := range []string{"../" + filepath.Base(outside) + "/secret.png", filepath.Join(outside, "secret.png"), "/etc/passwd", "a/../../x.png", ".", ""} {
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
	if len(got) != 4+5 {
		t.Fatalf("%d records, want 4 of pictures and 5 of names outside", len(got))
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
	data, err := json.Marshal(struct {
		Image   string   `json:"image"`
		Prompts []string `json:"prompts"`
		Job     string   `json:"job"`
	}{name, []string{"caption en"}, job})
	must(b, err)
	sum := sha256.Sum256(data)
	_, err = b.js.Publish(b.Context(), "pgcli.default.work."+hex.EncodeToString(sum[:16]), data)
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
		last.Subject:                        "garbage",
		"pgcli.default.results.zz.x.answer": string(last.Data),
		"pgcli.default.results.00." + strings.Repeat("0", 30) + ".answer":  string(last.Data),
		"pgcli.default.results.00." + strings.Repeat("0", 999) + ".answer": other,
		strings.Replace(last.Subject, "answer", "failure", 1):              string(last.Data),
	} {
		_, err := b.js.Publish(t.Context(), subject, []byte(data))
		must(t, err)
	}
	if got := b.collect(3); len(got) != 1 {
		t.Errorf("%d records, want the one that is none left out", len(got))
	}
	if n := b.left(resultsStream); n != 1 {
		t.Errorf("%d results are left, want 1", n)
	}
	if text := b.enqueue(0); !strings.Contains(text, "1 are queued now") {
		t.Error(text)
	}
	b.work(0)
	if got := b.collect(0); len(got) != len(want) || got[0].Key != want[0].Key || got[1].Key != want[1].Key || got[1].Text != want[1].Text {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestAnotherModelIsRefused, and its work is left; so are other flags for one queue.
func TestAnotherModelIsRefused(t *testing.T) {
	b := newBench(t, 2)
	b.enqueue(0)
	model := filepath.Join(t.TempDir(), "other.gguf")
	must(t, os.WriteFile(model, []byte("GGUF"), 0o644))
	if text := b.work(1, "-m", model); !strings.Contains(text, "queue default asks the model") || !strings.Contains(text, "give that model with -m, or another --queue") {
		t.Error(text)
	}
	if n := b.left(workStream); n != 2 {
		t.Errorf("%d messages are left, want 2", n)
	}
	for _, args := range [][]string{{"-m", model}, {"-n", "3"}, {"--cache-type", "f32"}} {
		if text := b.enqueue(1, args...); !strings.Contains(text, "the queue answers with another model or other flags") || !strings.Contains(text, "give another --queue") {
			t.Error(text)
		}
	}
}

// TestPicturesAreTriedThrice: one that is not there becomes a failure after three
// attempts, one that appears meanwhile an answer, and --retry-failed asks again.
func TestPicturesAreTriedThrice(t *testing.T) {
	b := newBench(t, 4)
	b.enqueue(0)
	gone, late := filepath.Join(b.dir, "001.png"), filepath.Join(b.dir, "002.png")
	must(t, os.Remove(gone))
	must(t, os.Rename(late, late+".x"))
	must(t, os.WriteFile(filepath.Join(b.dir, "003.png"), []byte("broken"), 0o644))
	time.AfterFunc(300*time.Millisecond, func() { os.Rename(late+".x", late) })
	log := b.work(0, "--retry-wait", "500ms")
	if n := strings.Count(log, "another attempt follows"); n < 3 || n > 4 {
		t.Errorf("%d other attempts:\n%s", n, log)
	}
	if n := b.left(stateStream); n != 1 {
		t.Errorf("%d messages of state are left, want the job", n)
	}
	scene(t, gone, 1) // for the list of collect
	got := b.collect(3)
	if len(got) != 4 || got[0].Error != nil || got[2].Error != nil || got[1].Error == nil || got[1].Error.Message != "no such file or directory" || got[1].Error.Kind != record.KindRead || got[3].Error.Kind != record.KindDecode {
		t.Fatalf("got %+v", got)
	}
	if text := b.enqueue(0); !strings.Contains(text, "0 are queued now, 0 were in the queue, 4 have") {
		t.Error(text)
	}
	if text := b.enqueue(0, "--retry-failed"); !strings.Contains(text, "2 are queued now, 0 were in the queue, 2 have") {
		t.Error(text)
	}
	b.work(0)
	if got := b.collect(3); len(got) != 4 || got[1].Error != nil || got[3].Error == nil {
		t.Errorf("after --retry-failed: %+v", got)
	}
}

// TestAFullQueueWaits until workers have made room.
func TestAFullQueueWaits(t *testing.T) {
	b := newBench(t, 12)
	first := filepath.Join(b.dir, "000.png")
	b.fleet(0, "enqueue", first, "-p", "caption en", "-n", "2", "--max-waiting", "4", "--ack-wait", "1s")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	text := make(chan string)
	go func() {
		code, out, log := fleet(ctx, "enqueue", b.dir, "-p", "caption en", "-n", "2", "--server", b.s.url())
		text <- fmt.Sprint(code, out, log)
	}()
	eventually(t, "the queue is full", func() bool { return b.left(workStream) == 4 })
	select {
	case got := <-text:
		t.Fatalf("it did not wait: %s", got)
	case <-time.After(300 * time.Millisecond):
	}
	for ended := false; !ended; {
		b.work(0)
		select {
		case got := <-text:
			if !strings.HasPrefix(got, "0") || !strings.Contains(got, "12 pictures: 11 are queued now, 1 were in the queue, 0") || !strings.Contains(got, "the queue is full") {
				t.Error(got)
			}
			ended = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	b.work(0)
	if got := b.collect(0); len(got) != 12 {
		t.Errorf("%d records", len(got))
	}
}

// TestMetrics: a worker counts, for Prometheus.
func TestMetrics(t *testing.T) {
	b := newBench(t, 3)
	must(t, os.WriteFile(filepath.Join(b.dir, "001.png"), []byte("broken"), 0o644))
	b.enqueue(0)
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int)
	go func() {
		got, _, _ := fleet(ctx, "work", "--root", b.dir, "--parallel", "1", "--metrics", address, "--server", b.s.url())
		code <- got
	}()
	var text string
	eventually(t, "the metrics count three pictures", func() bool {
		res, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		data, _ := io.ReadAll(res.Body)
		text = string(data)
		return strings.Contains(text, "pgcli_item_seconds_count 3")
	})
	for _, want := range []string{`pgcli_items_total{result="answered"} 2`, `pgcli_items_total{result="failed"} 1`, `pgcli_items_total{result="duplicate"} 0`, "pgcli_queue_age_seconds ", "pgcli_queue_waiting 0", "pgcli_slots_busy 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	var status map[string]any
	must(t, json.Unmarshal([]byte(b.fleet(0, "status", "--json")), &status))
	if status["waiting"] != 0.0 || status["answers"] != 2.0 || status["failures"] != 1.0 {
		t.Errorf("status %v", status)
	}
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
}

// TestAWorkerDrains: at its end it leaves pictures that take too long as they were, with
// all their attempts, and at once.
func TestAWorkerDrains(t *testing.T) {
	b := newBench(t, 4)
	b.enqueue(0, "--ack-wait", "1h")
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{}, 100)
	reading := func(string) {
		began <- struct{}{}
		time.Sleep(500 * time.Millisecond)
	}
	code := make(chan int)
	var log syncBuffer
	go func() {
		code <- run(ctx, []string{"pgcli-fleet", "work", "--root", b.dir, "--parallel", "2", "--drain", "50ms", "--server", b.s.url()}, strings.NewReader(""), &log, &log, reading)
	}()
	<-began
	<-began
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d\n%s", got, log.String())
	}
	if n := b.left(stateStream); n != 1 {
		t.Errorf("%d messages of state, want the job: attempts are not taken back\n%s", n, log.String())
	}
	if n := b.left(workStream); n != 4 {
		t.Errorf("%d pictures are left, want 4", n)
	}
	b.work(0) // would wait for an hour if the pictures were not given back
	if got := b.collect(0); len(got) != 4 {
		t.Errorf("%d records", len(got))
	}
}

// TestWhatIsTooLongIsRefused: a message and a record that are longer than the server
// takes.
func TestWhatIsTooLongIsRefused(t *testing.T) {
	b := newBench(t, 1)
	list := filepath.Join(t.TempDir(), "list.txt")
	must(t, os.WriteFile(list, []byte(strings.Repeat("x", 1<<20-20)), 0o644))
	if text := b.fleet(1, "enqueue", "@"+list, "-p", "caption en"); !strings.Contains(text, "longer than the 1048576 bytes that the server takes (max_payload)") {
		t.Errorf("%.500s", text)
	}
	long := "answer en " + strings.Repeat("é", 1<<18) // as JSON, in a record twice as long
	prompts := filepath.Join(t.TempDir(), "prompts.txt")
	must(t, os.WriteFile(prompts, []byte(long), 0o644))
	b.fleet(0, "enqueue", b.dir, "-f", prompts, "--queue", "long")
	b.work(0, "--queue", "long")
	path := filepath.Join(t.TempDir(), "out.jsonl")
	b.fleet(3, "collect", b.dir, "-o", path, "--queue", "long")
	if text := read(t, path); !strings.Contains(text, `"kind":"context"`) {
		t.Errorf("%.500s", text)
	}
}

// TestAWorkerWithoutTheFolderTakesLittle: it fails fast, and others answer all the same.
func TestAWorkerWithoutTheFolderTakesLittle(t *testing.T) {
	b := newBench(t, 80)
	b.enqueue(0)
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int)
	work := func(root string) {
		got, _, _ := fleet(ctx, "work", "--root", root, "--parallel", "2", "--retry-wait", "2s", "--server", b.s.url())
		code <- got
	}
	go work(b.dir)
	eventually(t, "a worker answers", func() bool { return b.left(resultsStream) > 2 })
	go work(t.TempDir())
	eventually(t, "all is answered", func() bool { return b.left(workStream) == 0 })
	cancel()
	if a, b := <-code, <-code; a != 0 || b != 0 {
		t.Errorf("exit codes %d, %d", a, b)
	}
	if got := b.collect(0); len(got) != 80 {
		t.Errorf("%d records", len(got))
	}
}
