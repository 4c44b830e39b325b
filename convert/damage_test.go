package convert_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
)

// patch changes bytes of a checkpoint's file, at an offset in its tensor.
func patch(t *testing.T, path, tensor string, at int, value []byte) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := int(binary.LittleEndian.Uint64(file))
	entry := string(file[8+bytes.Index(file[8:8+n], []byte(`"`+tensor+`"`)) : 8+n])
	var begin int
	if _, err := fmt.Sscanf(entry[strings.Index(entry, `"data_offsets":[`):], `"data_offsets":[%d`, &begin); err != nil {
		t.Fatal(err)
	}
	copy(file[8+n+begin+at:], value)
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestImpossibleWeightsAreNamed gives weights that are no numbers, or too large for
// their type: the error names the place.
func TestImpossibleWeightsAreNamed(t *testing.T) {
	const tensor = "language_model.model.layers.1.mlp.up_proj.weight"
	at := (3*256 + 5) * 2 // row 3, column 5
	for _, c := range []struct {
		value uint16 // bfloat16
		typ   string
		want  string
	}{
		{0x7fc0, "bf16", "is not finite"}, {0x7fc0, "f32", "is not finite"}, {0xff80, "f16", "is not finite"}, {0x7f80, "q8_0", "is not finite"},
		{0x4780, "f16", "is 65536, too large for f16"}, {0x4a80, "q4_0", "is 4.194304e+06, too large for q4_0"}, {0x4780, "q4_0", ""}, {0x4780, "bf16", ""}, {0x4780, "f32", ""}, {0x477f, "f16", ""},
	} {
		if strings.HasPrefix(c.typ, "q") {
			engine(t)
		}
		src := write(t, hf)
		patch(t, filepath.Join(src, "model.safetensors"), tensor, at, binary.LittleEndian.AppendUint16(nil, c.value))
		dir := t.TempDir()
		_, err := convert.Run(t.Context(), src, filepath.Join(dir, "out.gguf"), convert.Options{Type: c.typ})
		entries, _ := os.ReadDir(dir)
		if c.want == "" {
			if err != nil || len(entries) != 1 {
				t.Errorf("%#x as %s: %v", c.value, c.typ, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "blk.1.ffn_up.weight: row 3, column 5 "+c.want) || !strings.Contains(err.Error(), tensor) {
			t.Errorf("%#x as %s: error is %v, want the place and %q", c.value, c.typ, err, c.want)
		}
		if len(entries) != 0 {
			t.Errorf("%#x as %s: %d files are left", c.value, c.typ, len(entries))
		}
	}
}

// TestDamagedSourcesAreNamed gives shards and members that end early or are damaged:
// the error names the file.
func TestDamagedSourcesAreNamed(t *testing.T) {
	sharded := hf
	sharded.Shards = 3
	src := write(t, sharded)
	shard := filepath.Join(src, "model-00002-of-00003.safetensors")
	if err := os.Truncate(shard, 200_000); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f32"}); err == nil || !strings.Contains(err.Error(), shard) || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("a truncated shard gives %v", err)
	}
	if err := os.Remove(shard); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.MakePlan(t.Context(), src, "x.gguf", convert.Options{Type: "f32"}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), shard) {
		t.Errorf("a missing shard gives %v", err)
	}

	for _, deflate := range []bool{false, true} {
		c := npz
		c.Deflate = deflate
		path := write(t, c)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file[len(file)/2] ^= 4
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		_, err = convert.Run(t.Context(), path, filepath.Join(dir, "out.gguf"), convert.Options{Type: "f32"})
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("a flipped bit in a member (deflated: %v) gives %v", deflate, err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("a flipped bit leaves %d files", len(entries))
		}
	}
}
