package paligemma

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// digestVariable makes TestSameBytesInEachProcess print digests, in its child.
const digestVariable = "PALIGEMMA_TEST_DIGEST"

// taskPrompts are prompts about a picture whose answers have boxes and masks.
var taskPrompts = []Prompt{"detect star ; moon", "segment star", "segment moon"}

// digest hashes all that the embedded model makes of a picture, to the bit: soft tokens,
// logits, and the answers to prompts with their probabilities, boxes and masks.
func digest(t *testing.T, kernels string, threads int, prompts []Prompt) string {
	t.Helper()
	m := open(t, testmodel.Path("models", "tiny.gguf"), Options{Kernels: kernels, Threads: threads})
	if m.opts.Threads != threads {
		t.Fatalf("%d threads, want %d", m.opts.Threads, threads)
	}
	h, masks := fnv.New128a(), 0
	img, err := m.Encode(t.Context(), scenes(t, 1)[0])
	must(t, err)
	floats(h, img.tokens...)
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), []*Image{img}, "caption en"))
	floats(h, logitsOf(t, s)...)
	must(t, s.Append(t.Context(), 300))
	floats(h, logitsOf(t, s)...)
	for _, prompt := range prompts {
		r, err := s.Run(t.Context(), []*Image{img}, prompt, &Sampling{MaxTokens: 24, Temperature: 0.5, Seed: 3})
		must(t, err)
		for _, x := range r.Tokens {
			fmt.Fprintln(h, x.ID, x.Text)
			floats(h, x.LogProb, x.Spread)
		}
		for _, o := range r.Objects {
			fmt.Fprintln(h, o.Label, o.Box, o.Pixels)
			floats(h, o.Score)
			if o.Mask != nil {
				h.Write(o.Mask.Pix)
				masks++
			}
		}
	}
	if masks == 0 && prompts != nil {
		t.Error("no answer has a mask")
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// floats hashes the bits of values.
func floats(h hash.Hash, values ...float32) {
	for _, v := range values {
		h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
}

// TestSameBytesOnAnyThreads computes with 1, 2, 3 and 8 threads, at each level. ggml's
// threads spin, so that more than processors take minutes for whole answers: 2 compute a
// picture, a prompt and a token.
func TestSameBytesOnAnyThreads(t *testing.T) {
	defer func(f func() int) { processors = f }(processors)
	processors = func() int { return 8 }
	for _, k := range levelNames() {
		want := digest(t, k, 1, taskPrompts)
		for _, threads := range []int{2, 3, 8} {
			if got := digest(t, k, threads, taskPrompts); got != want {
				t.Errorf("kernels %s: %d threads give %s, one %s", k, threads, got, want)
			}
		}
	}
	one, two := digest(t, "off", 1, nil), digest(t, "off", 2, nil)
	if one != two {
		t.Errorf("kernels off: 2 threads give %s, one %s", two, one)
	}
}

// TestSameBytesInEachProcess compares this process with another.
func TestSameBytesInEachProcess(t *testing.T) {
	var digests strings.Builder
	for _, k := range []string{"auto", "off"} {
		fmt.Fprintln(&digests, "digest", k, digest(t, k, 1, taskPrompts))
	}
	if os.Getenv(digestVariable) != "" {
		fmt.Print(digests.String())
		return
	}
	program, err := os.Executable()
	must(t, err)
	c := exec.CommandContext(t.Context(), program, "-test.run", "^"+t.Name()+"$")
	c.Env = append(os.Environ(), digestVariable+"=1")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), digests.String()) {
		t.Errorf("another process gives %v\n%s\nwant %s", err, out, digests.String())
	}
}

// TestConvertSameBytes converts with 1, 2, 3 and 8 threads.
func TestConvertSameBytes(t *testing.T) {
	for _, typ := range []string{"q8_0", "q4_k_m"} {
		var want string
		for _, threads := range []int{1, 2, 3, 8} {
			path := filepath.Join(t.TempDir(), "m.gguf")
			_, err := convert.Run(t.Context(), testmodel.Path("models", "tiny"), path, convert.Options{Type: typ, Threads: threads, Name: "m", Engine: testmodel.Engine(t)})
			must(t, err)
			if got := string(testmodel.Read(t, path)); want == "" {
				want = got
			} else if got != want {
				t.Errorf("%s: %d threads give another file than one", typ, threads)
			}
		}
	}
}
