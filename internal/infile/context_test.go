package infile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/pgcli/paligemma/internal/testctx"
)

// TestCheckedReadersEndWithTheirContext: readers look at their context before each MiB, and bring
// the bytes before it ends, and then its cause.
func TestCheckedReadersEndWithTheirContext(t *testing.T) {
	data := make([]byte, 5*checkedBytes+7)
	for i := range data {
		data[i] = byte(i / 1000)
	}
	for name, read := range map[string]func(ctx context.Context, p []byte) (int, error){
		"Checked": func(ctx context.Context, p []byte) (int, error) {
			return io.ReadFull(Checked(ctx, bytes.NewReader(data)), p)
		},
		"CheckedAt": func(ctx context.Context, p []byte) (int, error) {
			return CheckedAt(ctx, bytes.NewReader(data)).ReadAt(p, 0)
		},
	} {
		p := make([]byte, len(data))
		for looks := range int64(6) {
			ctx := testctx.New(t.Context(), looks)
			n, err := read(ctx, p)
			if want := int(looks) * checkedBytes; n != want || !errors.Is(err, context.Canceled) || ctx.Late() != 1 {
				t.Errorf("%s, a context that ends after %d looks: %d bytes, error %v, %d looks later; want %d bytes, its cause, 1 look",
					name, looks, n, err, ctx.Late(), want)
			}
		}
		if n, err := read(testctx.New(t.Context(), 6), p); n != len(data) || err != nil || !bytes.Equal(p, data) {
			t.Errorf("%s: %d bytes, error %v, want all %d", name, n, err, len(data))
		}
	}
	p := make([]byte, 4)
	if n, err := CheckedAt(t.Context(), bytes.NewReader(data)).ReadAt(p, int64(len(data))-3); n != 3 || err != io.EOF {
		t.Errorf("at the end: %d bytes, error %v, want 3 and EOF", n, err)
	}
}
