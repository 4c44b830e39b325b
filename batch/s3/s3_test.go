package s3

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/pgcli/paligemma/batch"
)

// A bucket is a server with a bucket "pics", which lists two keys at a time. faults are
// called before an object is sent: one that returns true has answered itself.
type bucket struct {
	objects map[string]string
	faults  map[string]func(w http.ResponseWriter, try int) bool
	deny    bool
	tries   atomic.Int32
}

type listed struct {
	Key  string
	Size int
	ETag string
}

func etag(data string) string {
	sum := md5.Sum([]byte(data))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>said by the server</Message></Error>", code)
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, ok := strings.CutPrefix(r.URL.Path, "/pics/")
	query := r.URL.Query()
	switch {
	case b.deny:
		fail(w, 403, "AccessDenied")
	case !ok && r.URL.Path != "/pics":
		fail(w, 404, "NoSuchBucket")
	case query.Has("list-type"):
		b.list(w, query.Get("prefix"), query.Get("continuation-token"))
	case b.faults[key] != nil && b.faults[key](w, int(b.tries.Add(1))):
	case b.objects[key] == "":
		fail(w, 404, "NoSuchKey")
	case r.Header.Get("If-Match") != etag(b.objects[key]):
		fail(w, 412, "PreconditionFailed")
	default:
		w.Header().Set("ETag", etag(b.objects[key]))
		w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
		fmt.Fprint(w, b.objects[key])
	}
}

func (b *bucket) list(w http.ResponseWriter, prefix, from string) {
	var keys []string
	for k := range b.objects {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	page := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []listed
	}{}
	start, _ := strconv.Atoi(from)
	for i, k := range keys[start:] {
		if i == 2 {
			page.IsTruncated, page.NextContinuationToken = true, strconv.Itoa(start+i)
			break
		}
		page.Contents = append(page.Contents, listed{k, len(b.objects[k]), etag(b.objects[k])})
	}
	xml.NewEncoder(w).Encode(page)
}

// patience is how long a silent bucket is waited for: long enough for a busy machine.
const patience = 1500 * time.Millisecond

// serve starts a bucket.
func serve(t *testing.T, b *bucket) Objects {
	t.Helper()
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	s, err := Open(Options{Endpoint: server.URL, Region: "eu-west-1", Credentials: credentials.NewStaticV4("id", "secret", ""), Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Objects("s3://pics")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// list returns names and contents of pictures; of one that is not read its error.
func list(t *testing.T, o Objects) (all []string, err error) {
	t.Helper()
	for item, err := range o.Items(t.Context()) {
		if err != nil {
			return all, err
		}
		data, err := item.Read(t.Context())
		if err != nil {
			data = []byte(err.Error())
		}
		all = append(all, item.Name+" "+string(data))
	}
	return all, nil
}

// TestPicturesOfABucket: in the order of keys, over several pages, of a prefix or all;
// names that are no pictures', and folders, are left out.
func TestPicturesOfABucket(t *testing.T) {
	o := serve(t, &bucket{objects: map[string]string{"a.jpg": "A", "dir/": "", "dir/b c+%.png": "B", "dir/.hidden.png": "h", "dir/notes.txt": "n", "e/d.JPG": "D", "é.webp": "E"}})
	for prefix, want := range map[string][]string{
		"":      {"s3://pics/a.jpg A", "s3://pics/dir/b c+%.png B", "s3://pics/e/d.JPG D", "s3://pics/é.webp E"},
		"dir/":  {"s3://pics/dir/b c+%.png B"},
		"a.jpg": {"s3://pics/a.jpg A"},
	} {
		o.Prefix = prefix
		if got, err := list(t, o); err != nil || !slices.Equal(got, want) {
			t.Errorf("prefix %q: %q, %v, want %q", prefix, got, err, want)
		}
	}
	o.Prefix = "none"
	if _, err := list(t, o); err == nil || !strings.Contains(err.Error(), "s3://pics/none: no pictures") {
		t.Errorf("no pictures: %v", err)
	}
}

// TestFaultsOfObjects are about one picture, and say what happened.
func TestFaultsOfObjects(t *testing.T) {
	long := strings.Repeat("picture ", 1<<15)
	cut := func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Length", strconv.Itoa(len(long)))
		w.Header().Set("ETag", etag(long))
		w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
		fmt.Fprint(w, long[:1000])
		w.(http.Flusher).Flush()
		return true
	}
	b := &bucket{objects: map[string]string{"1.jpg": long}, faults: map[string]func(http.ResponseWriter, int) bool{}}
	o := serve(t, b)
	for name, c := range map[string]struct {
		fault func(w http.ResponseWriter, try int) bool
		want  string
		tries int32
	}{
		"denied":        {func(w http.ResponseWriter, _ int) bool { fail(w, 403, "AccessDenied"); return true }, "AccessDenied, HTTP 403); these credentials may not read it", 1},
		"removed":       {func(w http.ResponseWriter, _ int) bool { fail(w, 404, "NoSuchKey"); return true }, "removed since the bucket was listed", 1},
		"changed":       {func(w http.ResponseWriter, _ int) bool { fail(w, 412, "PreconditionFailed"); return true }, "changed since the bucket was listed", 1},
		"cut":           {func(w http.ResponseWriter, _ int) bool { return cut(w) }, "came in part", tries},
		"cut once":      {func(w http.ResponseWriter, try int) bool { return try == 1 && cut(w) }, long, 2},
		"slow":          {func(w http.ResponseWriter, _ int) bool { return cut(w) && pause() }, errStalled.Error(), tries},
		"slow at first": {func(w http.ResponseWriter, try int) bool { return try == 1 && cut(w) && pause() }, long, 2},
		"busy at first": {func(w http.ResponseWriter, try int) bool {
			if try == 1 {
				fail(w, 503, "SlowDown")
			}
			return try == 1
		}, long, 2},
	} {
		b.faults["1.jpg"] = c.fault
		b.tries.Store(0)
		got, err := list(t, o)
		if err != nil || len(got) != 1 || !strings.Contains(got[0], c.want) || b.tries.Load() != c.tries {
			t.Errorf("%s: %.300q, %v after %d tries, want %.100q after %d", name, got, err, b.tries.Load(), c.want, c.tries)
		}
	}
}

// pause is longer than a bucket is waited for.
func pause() bool { time.Sleep(2 * patience); return true }

// TestAnObjectThatChanges between the list and its turn is not read as the one that was
// listed.
func TestAnObjectThatChanges(t *testing.T) {
	b := &bucket{objects: map[string]string{"1.jpg": "old"}}
	for item, err := range serve(t, b).Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		b.objects["1.jpg"] = "new"
		if data, err := item.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "changed since") {
			t.Errorf("read %q, %v", data, err)
		}
	}
}

// TestFaultsOfBuckets end the source.
func TestFaultsOfBuckets(t *testing.T) {
	b := &bucket{deny: true}
	o := serve(t, b)
	if _, err := list(t, o); err == nil || !strings.Contains(err.Error(), "s3://pics/: ") || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("denied: %v", err)
	}
	b.deny = false
	o.Bucket = "other"
	if _, err := list(t, o); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("no bucket: %v", err)
	}
}

// TestWrongNamesAreRefused, and connect to nothing.
func TestWrongNamesAreRefused(t *testing.T) {
	for _, address := range []string{"localhost:9000", "ftp://host", "http://", "http://host/path", "http://user:word@host", "http://host?x", ":"} {
		if _, err := Open(Options{Endpoint: address}); err == nil || !strings.Contains(err.Error(), "want one such as http://localhost:9000") {
			t.Errorf("endpoint %q: %v", address, err)
		}
	}
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"s3://", "s3:///key", "bucket/key"} {
		if _, err := s.Objects(name); err == nil {
			t.Errorf("%q: no error", name)
		}
	}
	var _ batch.Source = Objects{}
}
