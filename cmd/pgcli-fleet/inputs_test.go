package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// TestEveryKindOfInput: a fleet answers about all that pgcli batch takes, with the same
// records: folders, patterns, lists, metadata.jsonl, archives, tables, films and buckets.
func TestEveryKindOfInput(t *testing.T) {
	b := newBench(t, 2)
	binary, err := pgcli()
	must(t, err)
	t.Chdir(b.dir)
	must(t, os.MkdirAll("set/a b#1", 0o755))
	scene(t, "set/a b#1/3.png", 3)
	must(t, os.WriteFile("set/metadata.jsonl", []byte(`{"file_name":"a b#1/3.png"}`+"\n"), 0o644))
	scene(t, "listed.png", 4)
	must(t, os.WriteFile("list.txt", []byte("listed.png\n"), 0o644))
	shardOf(t, "shard.tar", 5, 6)
	tableOf(t, "table.parquet", 7, 8)
	s3 := bucketOf(t, 9)
	inputs := []string{"00?.png", "set/metadata.jsonl", "@list.txt", "shard.tar", "table.parquet", "s3://photos"}
	pictures := 2 + 1 + 1 + 2 + 2 + 1
	if filmOf(t, "film.mp4") {
		inputs, pictures = append(inputs, "film.mp4"), pictures+3
	}
	ask := []string{"-p", "caption en", "-n", "2", "--s3-endpoint", s3}
	cmd := exec.Command(binary, append(append([]string{"batch", "-o", "want.jsonl", "-t", "1"}, inputs...), ask...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	text := b.fleet(0, append(append([]string{"enqueue"}, inputs...), ask...)...)
	if want := fmt.Sprintf("%d pictures: %d are queued now", pictures, pictures); !strings.Contains(text, want) {
		t.Errorf("got %s, want %s", text, want)
	}
	b.work(0, "--bucket", "photos", "--s3-endpoint", s3)
	b.fleet(0, append(append([]string{"collect", "-o", "got.jsonl"}, inputs...), "--s3-endpoint", s3)...)
	if got, want := withoutTimes(read(t, "got.jsonl")), withoutTimes(read(t, "want.jsonl")); got != want || strings.Count(got, "\n") != pictures {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	text = b.fleet(0, append(append([]string{"enqueue"}, inputs...), ask...)...)
	if want := fmt.Sprintf("0 are queued now, 0 were in the queue, %d have", pictures); !strings.Contains(text, want) {
		t.Errorf("again: %s", text)
	}
}

// TestCompressedArchivesAreRefused by name, with what to do instead.
func TestCompressedArchivesAreRefused(t *testing.T) {
	b := newBench(t, 1)
	t.Chdir(b.dir)
	shardOf(t, "a.tar", 1)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write([]byte(read(t, "a.tar")))
	must(t, err)
	must(t, z.Close())
	must(t, os.WriteFile("a.tgz", packed.Bytes(), 0o644))
	wants(t, b.fleet(1, "enqueue", "a.tgz", "-p", "ocr"), "a.tgz is compressed", "uncompress it with gunzip, or ask about it with pgcli batch --shard")
}

// TestABrokenInputKeepsNoOther from the queue: an archive that is cut has the members before
// the cut, and is an error, which comes after the other inputs.
func TestABrokenInputKeepsNoOther(t *testing.T) {
	b := newBench(t, 2)
	t.Chdir(b.dir)
	shardOf(t, "whole.tar", 1, 2)
	must(t, os.WriteFile("cut.tar", []byte(read(t, "whole.tar"))[:1600], 0o644)) // within the second member
	must(t, os.WriteFile("list.txt", []byte("cut.tar\n000.png\n"), 0o644))
	for _, inputs := range [][]string{{"cut.tar", "000.png"}, {"@list.txt", "001.png"}} {
		text := b.fleet(1, append([]string{"enqueue", "-p", "ocr", "-n", "2"}, inputs...)...)
		if !strings.Contains(text, "cut.tar: the archive ") || !strings.Contains(text, "pictures: ") {
			t.Errorf("%v: %s", inputs, text)
		}
	}
	if n := b.left(workStream); n < 2 { // and perhaps a member
		t.Errorf("%d pictures wait, want those of all other inputs", n)
	}
}

// TestChangedPictures: a picture that changes has the record of its bytes, whether before
// its worker reads it or after; one with the same bytes is not asked about again.
func TestChangedPictures(t *testing.T) {
	b := newBench(t, 3)
	t.Chdir(b.dir)
	b.enqueue(0)
	scene(t, "001.png", 11) // before its worker reads it
	b.work(0)
	first := b.collect(0)
	b.fleet(0, "collect", b.dir, "-o", "out.jsonl")
	later := time.Now().Add(time.Hour)
	must(t, os.Chtimes("000.png", later, later)) // the same bytes
	scene(t, "002.png", 12)
	wants(t, b.enqueue(0), "3 are queued now")
	b.work(0)
	if n := b.left(resultsStream); n != 3 {
		t.Errorf("%d results, want one for each picture", n)
	}
	got := b.collect(0)
	if len(first) != 3 || len(got) != 3 {
		t.Fatalf("%d records, then %d, want 3", len(first), len(got))
	}
	for i, same := range []bool{true, true, false} {
		if got[i].SHA256 == first[i].SHA256 != same || same && got[i].MS != first[i].MS {
			t.Errorf("%s: %.8s… in %v ms, and %.8s… in %v ms before", got[i].Image, got[i].SHA256, got[i].MS, first[i].SHA256, first[i].MS)
		}
	}
	b.fleet(0, "collect", b.dir, "-o", "out.jsonl")
	if text := read(t, "out.jsonl"); strings.Count(text, "\n") != 3 || !strings.Contains(text, got[2].SHA256) {
		t.Errorf("collected again, got\n%s", text)
	}
	wants(t, b.enqueue(0), "0 are queued now, 0 were in the queue, 3 have")
}

// sceneOf returns the bytes of a scene.
func sceneOf(t *testing.T, n int) []byte {
	path := filepath.Join(t.TempDir(), "scene.png")
	scene(t, path, n)
	return []byte(read(t, path))
}

// shardOf writes an archive of scenes, with texts between them.
func shardOf(t *testing.T, path string, scenes ...int) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range scenes {
		for name, data := range map[string][]byte{fmt.Sprintf("%d.png", n): sceneOf(t, n), fmt.Sprintf("%d.txt", n): []byte("text")} {
			must(t, w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644}))
			_, err := w.Write(data)
			must(t, err)
		}
	}
	must(t, w.Close())
	must(t, os.WriteFile(path, b.Bytes(), 0o644))
}

// tableOf writes a table of scenes.
func tableOf(t *testing.T, path string, scenes ...int) {
	type row struct {
		Image []byte `parquet:"image"`
	}
	var rows []row
	for _, n := range scenes {
		rows = append(rows, row{sceneOf(t, n)})
	}
	must(t, parquet.WriteFile(path, rows))
}

// filmOf makes a film of three seconds; false without ffmpeg.
func filmOf(t *testing.T, path string) bool {
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=3", "-c:v", "mpeg4", path)
	if err := cmd.Run(); err != nil {
		t.Log("NOT TESTED: films, without ffmpeg: ", err)
		return false
	}
	return true
}

// bucketOf serves a bucket, photos, with a scene, as S3 does.
func bucketOf(t *testing.T, n int) (endpoint string) {
	data := sceneOf(t, n)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.RawQuery, "location"):
			fmt.Fprint(w, `<LocationConstraint></LocationConstraint>`)
		case r.URL.Query().Get("list-type") == "2":
			fmt.Fprintf(w, `<ListBucketResult><Name>photos</Name><KeyCount>1</KeyCount><Contents><Key>a.png</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>"e"</ETag><Size>%d</Size></Contents></ListBucketResult>`, len(data))
		case strings.HasSuffix(r.URL.Path, "/photos/a.png"):
			w.Header().Set("ETag", `"e"`)
			http.ServeContent(w, r, "", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), bytes.NewReader(data))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	return s.URL
}
