package convert_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/synthetic"
)

var errBroken = errors.New("the connection broke")

// A network holds the weights of a folder, and counts what is read of them.
type network struct {
	files map[string][]byte
	left  int // bytes until reads fail; negative for never
	sent  int
	opens int
}

// moveOut takes the weights out of a folder.
func moveOut(t *testing.T, dir string) *network {
	t.Helper()
	n := &network{files: map[string][]byte{}, left: -1}
	names, _ := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n.files[filepath.Base(name)] = data
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func (n *network) remotes() (list []convert.Remote) {
	for name, data := range n.files {
		list = append(list, convert.Remote{Name: name, Size: int64(len(data)), SHA256: sha256.Sum256(data), Open: func(_ context.Context, offset, size int64) (io.ReadCloser, error) {
			n.opens++
			return io.NopCloser(&wire{n, n.files[name][offset : offset+size]}), nil
		}})
	}
	return list
}

// A wire brings bytes, a few at a time.
type wire struct {
	n    *network
	data []byte
}

func (w *wire) Read(p []byte) (int, error) {
	switch {
	case w.n.left == 0:
		return 0, errBroken
	case len(w.data) == 0:
		return 0, io.EOF
	}
	k := copy(p[:min(len(p), 1000)], w.data)
	if w.n.left > 0 {
		k = min(k, w.n.left)
		w.n.left -= k
	}
	w.data = w.data[k:]
	w.n.sent += k
	return k, nil
}

func sharded() synthetic.Checkpoint {
	c := hf
	c.Shards = 3
	return c
}
