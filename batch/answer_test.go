package batch

import (
	"context"
	"errors"
	"image"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/models"
)

// TestMasksEndWithTheirContext: masks of an answer end with the run, and are not taken for
// an answer without masks.
func TestMasksEndWithTheirContext(t *testing.T) {
	m, err := paligemma.New(models.Tiny(), &paligemma.Options{Engine: paligemma.EngineOptions{Library: testmodel.Engine(t)}, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	a, size, enough := &Asker{model: m}, image.Pt(8, 8), errors.New("enough")
	const box = "<loc0000><loc0000><loc1023><loc1023>"
	objects, _ := m.ParseObjects(box+" a ; "+box+strings.Repeat("<seg001>", 16)+" b", size)
	if all, err := a.masks(t.Context(), objects, size); len(all) != 2 || all[0] != nil || all[1] == nil || err != nil {
		t.Errorf("%v, error %v, want the mask of the second object", all, err)
	}
	ctx, end := context.WithCancelCause(t.Context())
	end(enough)
	if all, err := a.masks(ctx, objects, size); all != nil || !errors.Is(err, enough) {
		t.Errorf("%v, error %v, want %v", all, err, enough)
	}
}
