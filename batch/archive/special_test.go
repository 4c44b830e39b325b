package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/allocation"
)

// packed returns an archive of members without content.
func packed(t *testing.T, members ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range members {
		must(t, w.WriteHeader(&h))
	}
	must(t, w.Close())
	return b.Bytes()
}

// TestSpecialMembers: a member with a picture's name that is no regular file is a picture
// that cannot be read, and the error says why and what to do. Left out without a word, the
// second name of each file would be missing in the records.
func TestSpecialMembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	data := packed(t, tar.Header{Name: "a.jpg", Typeflag: tar.TypeReg}, tar.Header{Name: "b.jpg", Typeflag: tar.TypeLink, Linkname: "a.jpg"},
		tar.Header{Name: "c.jpg", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, tar.Header{Name: "d.jpg", Typeflag: tar.TypeFifo},
		tar.Header{Name: "e.jpg", Typeflag: tar.TypeChar}, tar.Header{Name: "f.jpg/", Typeflag: tar.TypeDir}, tar.Header{Name: "g.jpg", Typeflag: tar.TypeCont})
	must(t, os.WriteFile(path, data, 0o644))
	want := map[string]string{"a.jpg": "", "b.jpg": `is a hard link to "a.jpg", want a file: pack it with tar --hard-dereference`, "d.jpg": "is a pipe",
		"c.jpg": `is a symbolic link to "/etc/passwd", want a file: pack it with tar --dereference`, "e.jpg": "a device", "g.jpg": ""}
	var names []string
	for item, err := range Tar(path).Items(t.Context()) {
		must(t, err)
		name := strings.TrimPrefix(item.Name, path+"#")
		names = append(names, name)
		ref, err := item.Refer()
		must(t, err)
		content, err := item.Read(t.Context())
		again, other := Member(t.Context(), bytes.NewReader(data), name, ref.Start)
		if words := want[name]; len(content) > 0 || len(again) > 0 || (err == nil) != (words == "") || err != nil && (!strings.Contains(err.Error(), words) || other == nil || other.Error() != err.Error()) {
			t.Errorf("%s: %q and %v, by its reference %q and %v, want an error with %q", name, content, err, again, other, words)
		}
	}
	if want := []string{"a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "g.jpg"}; !slices.Equal(names, want) {
		t.Errorf("pictures %q, want %q", names, want)
	}
}

// TestAnArchiveWithoutPictures is an error, as a folder without any is: a batch of nothing
// must not look like one that went well.
func TestAnArchiveWithoutPictures(t *testing.T) {
	texts := packed(t, tar.Header{Name: "a.txt"}, tar.Header{Name: ".b.jpg"}, tar.Header{Name: "c.jpg/", Typeflag: tar.TypeDir})
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	_, err := z.Write(texts)
	must(t, err)
	must(t, z.Close())
	for name, content := range map[string][]byte{"empty.tar": nil, "zeros.tar": make([]byte, 1024), "texts.tar": texts, "texts.tar.gz": small.Bytes()} {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, content, 0o644))
		names, _, err := pictures(t, path, all)
		if len(names) > 0 || err == nil || !strings.HasPrefix(err.Error(), path+": the archive has no pictures") {
			t.Errorf("%s: names %q, error %v", name, names, err)
		}
	}
}

// TestAClaimTakesLittle: a short archive whose member is said to be large.
func TestAClaimTakesLittle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	var data bytes.Buffer
	must(t, tar.NewWriter(&data).WriteHeader(&tar.Header{Name: "a.jpg", Mode: 0o644, Size: batch.MaxFile}))
	must(t, os.WriteFile(path, data.Bytes(), 0o644))
	allocation.Bound(t, data.Len(), func() {
		for item, err := range Tar(path).Items(t.Context()) {
			if err != nil {
				break // the archive is cut
			}
			if _, err := item.Read(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
			}
		}
	})
}
