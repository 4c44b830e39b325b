package convert

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/testctx"
)

// zeros is a checkpoint of arrays of so many bytes, all zero.
type zeros struct{ bytes map[string]int }

func (z *zeros) open(name string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(make([]byte, z.bytes[name]))), nil
}
func (*zeros) format() Format  { return HuggingFace }
func (*zeros) arrays() []array { return nil }
func (*zeros) paths() []string { return nil }
func (*zeros) Close() error    { return nil }

// TestStepsEndWithTheirContext: each long step of a conversion looks at its context while it
// works, at least so often, and ends with it.
func TestStepsEndWithTheirContext(t *testing.T) {
	const rank, width, words = 4, 64, 1 << 17 // 2 MiB and 1 KiB
	ck := &zeros{map[string]int{"a": 4 * rank * words, "b": 4 * rank * width, "large": 3 << 20}}
	thin := &delta{from: &lora{ck: ck}, rank: rank, scale: 1, embedding: true,
		a: array{name: "a", typ: gguf.F32, shape: []int{rank, words}}, b: array{name: "b", typ: gguf.F32, shape: []int{width, rank}}}
	large := array{name: "large", typ: gguf.F32, shape: []int{1 << 9, 1536}}
	embedding := &tensor{name: embeddingName, ck: ck, from: large, inner: large.shape}
	head := &tensor{name: headName, ck: &zeros{ck.bytes}, from: large, inner: large.shape}
	turned := &tensor{name: "turned", ck: ck, from: large, shape: large.shape, inner: large.shape, place: grid{rows: make([]int, 1<<9)}}
	short := &tensor{name: "short", ck: ck, from: large, shape: []int{1, 1536}, inner: []int{1, 1536}}
	for name, c := range map[string]struct {
		least int64
		step  func(ctx context.Context) error
	}{
		"an adapter's change of an embedding": {2 + rank + width, func(ctx context.Context) error {
			_, err := thin.load(ctx)
			return err
		}},
		"head and embedding compared": {2 * 3, func(ctx context.Context) error {
			same, err := sameValues(ctx, head, embedding)
			if err == nil && !same {
				t.Error("zeros are not zeros")
			}
			return err
		}},
		"an array that is transposed": {3, func(ctx context.Context) error { return readOne(ctx, turned) }},
		"rows that nobody wants":      {3, func(ctx context.Context) error { return readOne(ctx, short) }},
	} {
		whole := testctx.New(t.Context(), math.MaxInt32)
		if err := c.step(whole); err != nil {
			t.Fatal(err)
		}
		looks := math.MaxInt32 - whole.Left()
		if looks < c.least {
			t.Errorf("%s: %d looks, want at least %d", name, looks, c.least)
		}
		for n := int64(0); n < looks; n += 1 + looks/6 {
			ctx := testctx.New(t.Context(), n)
			if err := c.step(ctx); !errors.Is(err, context.Canceled) || ctx.Late() > 1 {
				t.Errorf("%s, a context that ends after %d of %d looks: error %v, %d looks later", name, n, looks, err, ctx.Late())
			}
		}
	}
}

// readOne reads the array of a tensor as a pipeline does, with nobody to convert it.
func readOne(ctx context.Context, x *tensor) error {
	const chunks = 8
	p := &pipeline{slabs: make(chan *slab, 1), free: make(chan *chunk, chunks), order: make(chan *chunk, chunks), work: make(chan *chunk, chunks)}
	p.slabs <- &slab{}
	for range chunks {
		p.free <- &chunk{}
	}
	return p.readArray(ctx, 0, []*tensor{x})
}

// TestWhatCannotLookIsLeft: work that does not look at a context is left behind once that
// ends, and not begun after that.
func TestWhatCannotLookIsLeft(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	blocked := make(chan struct{})
	defer close(blocked)
	_, err := guard.Leave(ctx, func() (int, error) {
		cancel(enough)
		<-blocked
		return 1, nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("error %v, want %v", err, enough)
	}
	over := testctx.New(t.Context(), 0)
	if _, err := guard.Leave(over, func() (int, error) { panic("begun") }); !errors.Is(err, context.Canceled) {
		t.Errorf("afterwards: error %v, want %v", err, context.Canceled)
	}
	f, err := gguf.Open(t.Context(), "../models/tiny.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := ReadConfig(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkTokenizer(t.Context(), f, c.Vocab); err != nil {
		t.Error(err)
	}
	if err := checkTokenizer(over, f, c.Vocab); !errors.Is(err, context.Canceled) {
		t.Errorf("a tokenizer: error %v, want %v", err, context.Canceled)
	}
	if n, err := guard.Leave(t.Context(), func() (int, error) { return 7, enough }); n != 7 || err != enough {
		t.Errorf("got %d, %v, want 7, %v", n, err, enough)
	}
	if _, err := guard.Leave(t.Context(), func() (int, error) { panic("at the disco") }); err == nil {
		t.Error("no error of a panic")
	}
}
