package convert_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
)

// write makes a checkpoint in a new folder and returns the path to convert.
func write(t *testing.T, c synthetic.Checkpoint) string {
	t.Helper()
	dir := t.TempDir()
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	switch c.Format {
	case convert.BigVision:
		return filepath.Join(dir, "model.npz")
	case convert.GGUF:
		return filepath.Join(dir, "model.gguf")
	}
	return dir
}

// run converts src and returns the path of the result.
func run(t *testing.T, src string, o convert.Options) string {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "out.gguf")
	if _, err := convert.Run(t.Context(), src, dst, o); err != nil {
		t.Fatal(err)
	}
	return dst
}

// hashes returns type and SHA-256 of every tensor's bytes.
func hashes(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := gguf.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list := map[string]string{}
	for _, x := range f.Tensors() {
		data, err := f.Bytes(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		list[x.Name] = x.Type.String() + " " + hex.EncodeToString(sum[:])
	}
	return list
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d tensors, want %d", len(got), len(want))
	}
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s is %s, want %s", name, got[name], sum)
		}
	}
}

// safetensorsHeader makes the bytes before the data of a safetensors file.
func safetensorsHeader(text string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
}
