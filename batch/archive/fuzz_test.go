package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/batch"
)

// FuzzTar reads archives: each picture is the same when it is read alone by its
// reference, unless an earlier one has its name.
func FuzzTar(f *testing.F) {
	whole := shard(f)
	f.Add(whole)
	f.Add(whole[:1500])
	f.Add(append(whole[:len(whole)-1024:len(whole)-1024], whole...))
	path := filepath.Join(f.TempDir(), "a.tar")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		type picture struct {
			data []byte
			ref  batch.Reference
		}
		pictures, names := map[string]picture{}, []string{}
		for item, err := range Tar(path).Items(t.Context()) {
			if err != nil {
				break
			}
			ref, err := item.Refer()
			if err != nil {
				t.Fatalf("%q: %v", item.Name, err)
			}
			read, err := item.Read(t.Context())
			if _, twice := pictures[item.Name]; err != nil || twice {
				continue
			}
			pictures[item.Name] = picture{read, ref}
			names = append(names, item.Name)
		}
		for _, name := range names {
			want := pictures[name]
			got, err := Member(t.Context(), bytes.NewReader(data), name[len(path)+1:], want.ref.Start)
			if err != nil || !bytes.Equal(got, want.data) {
				t.Errorf("%q from byte %d: %.60q and error %v, want %.60q", name, want.ref.Start, got, err, want.data)
			}
		}
	})
}
