package flags

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/internal/testctx"
)

// TestHashingEndsWithItsContext: hashing a file looks at the context all along, and the hash
// of a part is never returned.
func TestHashingEndsWithItsContext(t *testing.T) {
	data := make([]byte, 1<<20)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for looks := range int64(8) {
		ctx := testctx.New(t.Context(), looks)
		if sum, err := HashFile(ctx, path); sum != "" || !errors.Is(err, context.Canceled) || ctx.Late() > 1 {
			t.Errorf("a context that ends after %d looks: %q, error %v, %d looks later", looks, sum, err, ctx.Late())
		}
	}
	want := sha256.Sum256(data)
	if sum, err := HashFile(t.Context(), path); sum != hex.EncodeToString(want[:]) || err != nil {
		t.Errorf("got %q, %v, want %x", sum, err, want)
	}
	if projector, err := Projector(testctx.New(t.Context(), 0), path); projector != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("vision tower %q, error %v, once the context is over; want its cause", projector, err)
	}
}
