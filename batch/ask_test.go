package batch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/models"
)

// tiny opens the smallest model.
func tiny(t *testing.T) *paligemma.Model {
	t.Helper()
	m, err := paligemma.New(models.Tiny(), &paligemma.Options{Engine: paligemma.EngineOptions{Library: testmodel.Engine(t)}, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestAnAskerHasSessions: a number of pictures at a time that is none, or that nothing has room
// for, is an error.
func TestAnAskerHasSessions(t *testing.T) {
	m := tiny(t)
	for _, n := range []int{-1, 0, 1025, 1 << 62} {
		if a, _, err := NewAsker(m, Identity{}, n, nil); err == nil || !strings.Contains(err.Error(), "pictures at a time, want 1 to 1024") {
			t.Errorf("%d: asker %v, error %v", n, a, err)
		}
	}
}

// TestNothingIsNoPanic: nil arguments are errors.
func TestNothingIsNoPanic(t *testing.T) {
	m := tiny(t)
	out, err := Open(t.Context(), filepath.Join(t.TempDir(), "out"), Identity{}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := Run(t.Context(), m, out, nil, nil); err == nil || !strings.Contains(err.Error(), "no prompts") {
		t.Errorf("Run without options: %v", err)
	}
	if _, err := Run(t.Context(), m, nil, nil, nil); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("Run without a file: %v", err)
	}
	if _, err := Survey(t.Context(), filepath.Join(t.TempDir(), "out"), Identity{}, nil, nil, false); err != nil {
		t.Errorf("Survey without options: %v", err)
	}
}

// TestALostSessionIsOpenedAgain: a place whose session was closed, and whose next one could not be
// opened, is as good as others once there is room.
func TestALostSessionIsOpenedAgain(t *testing.T) {
	a, _, err := NewAsker(tiny(t), Identity{Model: "m"}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := (<-a.sessions).Close(); err != nil {
		t.Fatal(err)
	}
	a.sessions <- nil
	picture, err := filepath.Glob("../internal/imageproc/testdata/pictures/*.png")
	if err != nil || len(picture) == 0 {
		t.Fatal(picture, err)
	}
	item := Item{Name: picture[0], Read: func(context.Context) ([]byte, error) { return os.ReadFile(picture[0]) }}
	for range 2 {
		records, err := a.Ask(t.Context(), item, []paligemma.Prompt{"caption en"})
		if err != nil || len(records) != 1 || records[0].Error != nil {
			t.Fatalf("records %+v, error %v", records, err)
		}
	}
	records, err := a.Ask(t.Context(), Item{Name: "x"}, []paligemma.Prompt{"caption en"})
	if err != nil || len(records) != 1 || records[0].Error == nil || records[0].Error.Kind != "read" {
		t.Errorf("an item without Read: records %+v, error %v", records, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Ask(over, item, []paligemma.Prompt{"caption en"}); !errors.Is(err, context.Canceled) || len(a.sessions) != 1 {
		t.Errorf("error %v, and %d sessions are free", err, len(a.sessions))
	}
}

// TestALongAnswerIsAFailure: an answer that no line can hold is one picture's failure, and not the
// run's.
func TestALongAnswerIsAFailure(t *testing.T) {
	r := record.Record{Key: "01", Image: "a.jpg", Prompt: "ocr", Model: "m", Result: &paligemma.Result{Text: "x", Stop: "eos"}}
	if got := writable(&r); got != &r {
		t.Errorf("a short answer became %+v", got)
	}
	r.Tokens = make([]paligemma.Token, 40_000)
	got := writable(&r)
	if got.Result != nil || got.Error == nil || got.Error.Kind != record.KindInternal || !strings.Contains(got.Error.Message, "an answer of 40000 tokens: the record of") {
		t.Fatalf("a long answer became %+v, %+v", got, got.Error)
	}
	if _, err := record.Encode(got); err != nil {
		t.Error(err)
	}
}
