package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shard returns a webdataset's shard: pictures beside texts.
func shard(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h tar.Header, content string) {
		h.Size, h.Mode = int64(len(content)), 0o644
		must(t, w.WriteHeader(&h))
		_, err := w.Write([]byte(content))
		must(t, err)
	}
	add(tar.Header{Name: "000.jpg"}, "first")
	add(tar.Header{Name: "000.txt"}, "a caption")
	add(tar.Header{Name: "folder.jpg/", Typeflag: tar.TypeDir}, "")
	add(tar.Header{Name: "._001.png"}, "of a Mac")
	add(tar.Header{Name: "b/001.PNG"}, strings.Repeat("second", 1000))
	must(t, w.Close())
	return b.Bytes()
}

// pictures reads the names, and, of those that read chooses, the content.
func pictures(t *testing.T, path string, read func(name string) bool) (names, contents []string, err error) {
	t.Helper()
	for item, e := range Tar(path).Items(t.Context()) {
		if e != nil {
			return names, contents, e
		}
		names = append(names, strings.TrimPrefix(item.Name, path))
		if read(item.Name) {
			data, err := item.Read(t.Context())
			must(t, err)
			contents = append(contents, string(data))
		}
	}
	return names, contents, nil
}

func all(string) bool { return true }

// TestPicturesOfAnArchive: pictures come in order, others do not, and one that is not
// read is passed over.
func TestPicturesOfAnArchive(t *testing.T) {
	second := strings.Repeat("second", 1000)
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	_, err := z.Write(shard(t))
	must(t, err)
	must(t, z.Close())
	for name, content := range map[string][]byte{"a.tar": shard(t), "a.tar.gz": small.Bytes(), "A.TGZ": small.Bytes()} {
		if !IsTar(name) {
			t.Errorf("%s is no archive", name)
		}
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, content, 0o644))
		names, contents, err := pictures(t, path, all)
		must(t, err)
		if want := []string{"#000.jpg", "#b/001.PNG"}; !slices.Equal(names, want) {
			t.Errorf("%s: names %q, want %q", name, names, want)
		}
		if !slices.Equal(contents, []string{"first", second}) {
			t.Errorf("%s: contents %.30q", name, contents)
		}
		_, contents, err = pictures(t, path, func(n string) bool { return strings.HasSuffix(n, "PNG") })
		must(t, err)
		if !slices.Equal(contents, []string{second}) {
			t.Errorf("%s: the second alone: %.30q", name, contents)
		}
	}
}

// TestABrokenArchive yields the pictures before the break, and an error that names the
// last member.
func TestABrokenArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	whole := shard(t)
	copy(whole[1024:1536], bytes.Repeat([]byte{7}, 512)) // the header of 000.txt
	must(t, os.WriteFile(path, whole, 0o644))
	names, _, err := pictures(t, path, all)
	if len(names) != 1 || err == nil || !strings.Contains(err.Error(), `a.tar: the archive is broken after "000.jpg": `) {
		t.Errorf("names %q, error %v", names, err)
	}
	for name, c := range map[string]struct{ content, want string }{
		"none.tar": {"", ""}, "b.tgz": {"no gzip", ""},
		"c.tar":     {"\x1f\x8b" + strings.Repeat("x", 1024), "is compressed with gzip: name it .tar.gz"},
		"d.tar.xz":  {"xz", "uncompress it with unxz"},
		"E.TAR.ZST": {"zstd", "uncompress it with unzstd"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if c.content != "" {
			must(t, os.WriteFile(path, []byte(c.content), 0o644))
		}
		names, _, err := pictures(t, path, all)
		if !IsTar(path) || len(names) > 0 || err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: names %q, error %v, want %q", name, names, err, c.want)
		}
	}
}

// TestAnArchiveThatIsCut, as a download that broke off leaves it, is an error wherever no
// block ends.
func TestAnArchiveThatIsCut(t *testing.T) {
	whole := shard(t)
	path := filepath.Join(t.TempDir(), "a.tar")
	for n := 1; n < len(whole); n += 101 {
		must(t, os.WriteFile(path, whole[:n], 0o644))
		var last error
		for _, err := range Tar(path).Items(t.Context()) {
			last = err
		}
		if last == nil && n%512 != 0 {
			t.Errorf("of %d bytes: no error", n)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMembersAlone: a member is found by its reference, and also in an archive that has
// changed since, where nothing else is taken for it.
func TestMembersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	whole := shard(t)
	must(t, os.WriteFile(path, whole, 0o644))
	var starts []int64
	for item, err := range Tar(path).Items(t.Context()) {
		must(t, err)
		ref, err := item.Refer()
		must(t, err)
		if ref.File != path || ref.Version == "" {
			t.Errorf("%s: %+v", item.Name, ref)
		}
		starts = append(starts, ref.Start)
	}
	if !slices.Equal(starts, []int64{0, 1024}) {
		t.Errorf("members are looked for from %d, want 0 and 1024", starts)
	}
	second := strings.Repeat("second", 1000)
	for _, start := range []int64{1024, 0, -5, 7, 3 * 512, 1 << 40} {
		if data, err := Member(t.Context(), bytes.NewReader(whole), "b/001.PNG", start); err != nil || string(data) != second {
			t.Errorf("from %d: %.20q, %v", start, data, err)
		}
		for _, name := range []string{"", "000.txt", "folder.jpg/", "link.jpg", "._001.png", "c.png"} {
			if data, err := Member(t.Context(), bytes.NewReader(whole), name, start); err == nil || !strings.Contains(err.Error(), "the archive has no member") {
				t.Errorf("%q from %d: %.20q, %v", name, start, data, err)
			}
		}
	}
	if data, err := Member(t.Context(), bytes.NewReader(whole[:len(whole)-4000]), "b/001.PNG", 1024); err == nil {
		t.Errorf("of an archive that is cut: %.20q", data)
	}
}
