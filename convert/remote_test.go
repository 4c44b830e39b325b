package convert_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/synthetic"
)

// TestRemoteGivesTheFoldersBytes converts weights that arrive, each byte once but for the
// headers, to the bytes that the folder is converted to.
func TestRemoteGivesTheFoldersBytes(t *testing.T) {
	engine(t)
	for _, c := range []synthetic.Checkpoint{hf, sharded()} {
		for _, o := range []convert.Options{{Type: "q8_0"}, {Type: "f32", Name: "x"}, {Type: "bf16", SplitMaxSize: 1_000_000}} {
			src, dst := write(t, c), filepath.Join(t.TempDir(), "out.gguf")
			o.Name = "x"
			if _, err := convert.Run(t.Context(), src, filepath.Join(filepath.Dir(dst), "want.gguf"), o); err != nil {
				t.Fatal(err)
			}
			n := moveOut(t, src)
			o.Remote = n.remotes()
			if _, err := convert.Run(t.Context(), src, dst, o); err != nil {
				t.Errorf("%d shards, %+v: %v", c.Shards, o.Type, err)
				continue
			}
			wants, _ := filepath.Glob(filepath.Join(filepath.Dir(dst), "want*.gguf"))
			if len(wants) == 0 || o.SplitMaxSize > 0 && len(wants) < 2 {
				t.Fatalf("the conversion from a folder made %q, want one file, or several with SplitMaxSize", wants)
			}
			for _, want := range wants {
				got := strings.Replace(want, "want", "out", 1)
				if !bytes.Equal(read(t, got), read(t, want)) {
					t.Errorf("%d shards, %s: %s has other bytes than %s", c.Shards, o.Type, got, want)
				}
			}
			total := 0
			for _, data := range n.files {
				total += len(data)
			}
			if extra := n.sent - total; extra < 0 || extra > len(n.files)*256<<10 || n.opens != 2*len(n.files) {
				t.Errorf("%d bytes in %d opens, of %d files with %d bytes", n.sent, n.opens, len(n.files), total)
			}
			if left, _ := filepath.Glob(dst + ".*"); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		}
	}
}

// TestRemoteGoesOnWhereItBroke: a connection that breaks again and again. Each run goes on
// from an array near where the one before ended, and the file is that of an unbroken run.
func TestRemoteGoesOnWhereItBroke(t *testing.T) {
	c := sharded()
	src, dir := write(t, c), t.TempDir()
	want, dst := filepath.Join(dir, "want.gguf"), filepath.Join(dir, "out.gguf")
	o := convert.Options{Type: "f32", Name: "x", Threads: 2}
	if _, err := convert.Run(t.Context(), src, want, o); err != nil {
		t.Fatal(err)
	}
	n := moveOut(t, src)
	total, headers := 0, 0
	for _, data := range n.files {
		total += len(data)
		headers += min(len(data), 256<<10)
	}
	o.Remote = n.remotes()
	runs, kept := 0, 0
	for ; ; runs++ {
		n.left = headers + total/4 + runs
		_, err := convert.Run(t.Context(), src, dst, o)
		if err == nil {
			break
		}
		if !errors.Is(err, errBroken) || runs > 40 {
			t.Fatalf("run %d: %v", runs, err)
		}
		if strings.Contains(err.Error(), "goes on with it") {
			kept++
		}
		if _, err := os.Stat(dst); err == nil {
			t.Fatal("an output that is not complete has its name")
		}
	}
	if runs < 3 || kept < 3 {
		t.Errorf("%d runs broke, %d could be gone on with", runs, kept)
	}
	if limit := 2*total + (runs+1)*headers; n.sent > limit {
		t.Errorf("%d bytes were sent for %d, want at most %d: the runs start over", n.sent, total, limit)
	}
	if !bytes.Equal(read(t, dst), read(t, want)) {
		t.Error("the file is another one than that of an unbroken run")
	}
	if left, _ := filepath.Glob(dst + ".*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestRemoteStartsOverForAnotherPlan: what is there belongs to other options, or to weights
// that have changed.
func TestRemoteStartsOverForAnotherPlan(t *testing.T) {
	src, dir := write(t, hf), t.TempDir()
	dst, want := filepath.Join(dir, "out.gguf"), filepath.Join(dir, "want.gguf")
	o := convert.Options{Type: "bf16", Name: "x"}
	if _, err := convert.Run(t.Context(), src, want, o); err != nil {
		t.Fatal(err)
	}
	n := moveOut(t, src)
	for _, first := range []func(o *convert.Options){
		func(o *convert.Options) { o.Type = "f32" },
		func(o *convert.Options) { o.TensorTypes = []string{"blk.1.attn_q.weight=f32"} },
		func(o *convert.Options) { o.Resample = "bicubic" },
		func(o *convert.Options) { n.files["model.safetensors"][len(n.files["model.safetensors"])-1] ^= 1 },
	} {
		other, whole := o, bytes.Clone(n.files["model.safetensors"])
		first(&other)
		other.Remote = n.remotes()
		n.left = len(whole)/2 + min(len(whole), 256<<10)
		if _, err := convert.Run(t.Context(), src, dst, other); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "goes on with it") {
			t.Fatalf("error is %v", err)
		}
		n.left, n.files["model.safetensors"] = -1, whole
		o.Remote = n.remotes()
		if _, err := convert.Run(t.Context(), src, dst, o); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, dst), read(t, want)) {
			t.Error("the file has something of the run before")
		}
		if err := os.Remove(dst); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRemoteOfWrongContent leaves nothing: not for bytes that change on their way, in the
// header or behind it.
func TestRemoteOfWrongContent(t *testing.T) {
	src := write(t, hf)
	dst := filepath.Join(t.TempDir(), "out.gguf")
	n := moveOut(t, src)
	data := n.files["model.safetensors"]
	for _, at := range []int{12, len(data) / 2, len(data) - 1} {
		remotes := n.remotes()
		open, opens := remotes[0].Open, 0
		remotes[0].Open = func(ctx context.Context, offset, size int64) (io.ReadCloser, error) {
			if opens++; opens == 1 {
				return open(ctx, offset, size) // the header, as it is
			}
			changed := bytes.Clone(data)
			changed[at] ^= 1
			return io.NopCloser(bytes.NewReader(changed[offset : offset+size])), nil
		}
		_, err := convert.Run(t.Context(), src, dst, convert.Options{Type: "f32", Remote: remotes})
		if !errors.Is(err, convert.ErrContent) {
			t.Errorf("byte %d: error is %v", at, err)
		}
		if entries, _ := os.ReadDir(filepath.Dir(dst)); len(entries) > 0 {
			t.Errorf("byte %d: left: %v", at, entries)
		}
	}
}

// TestRemoteThatIsReadTwice is refused before anything is written, by a name to test for.
func TestRemoteThatIsReadTwice(t *testing.T) {
	for name, c := range map[string]struct {
		o    convert.Options
		head string
	}{
		"verify": {o: convert.Options{Type: "f32", Verify: true}},
		"split":  {o: convert.Options{Type: "f32", Split: true}},
		"head":   {o: convert.Options{Type: "f32"}, head: "lm_head.weight"},
	} {
		src := write(t, hf)
		if c.head != "" {
			addHead(t, src, c.head, func([]byte) {})
		}
		c.o.Remote = moveOut(t, src).remotes()
		dst := filepath.Join(t.TempDir(), "out.gguf")
		if _, err := convert.Run(t.Context(), src, dst, c.o); !errors.Is(err, convert.ErrWhole) {
			t.Errorf("%s: error is %v, want %v", name, err, convert.ErrWhole)
		}
		if entries, _ := os.ReadDir(filepath.Dir(dst)); len(entries) > 0 {
			t.Errorf("%s: left: %v", name, entries)
		}
	}
}
