package server

import (
	"bytes"
	"context"
	"errors"
	"image"
	"reflect"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/overlay"
)

// TestFormsOfMasks: a form may be asked for once. Each costs time for each object, and a
// request has room for millions of names.
func TestFormsOfMasks(t *testing.T) {
	for form, ok := range map[maskForm]bool{"": true, "none": true, "rle": true, "png,rle,polygon": true,
		"rle,rle": false, "png,rle,png": false, "png,rle,polygon,png": false, "none,rle": false, "rle,": false, ",": false, "whole": false} {
		if err := form.check("masks"); (err == nil) != ok {
			t.Errorf("%q: error %v, want one: %v", form, err, !ok)
		}
	}
}

// TestMasksAreLetGo: an answer keeps its masks in the form that was asked for, and not the
// byte for each pixel, of which a request can ask for gigabytes.
func TestMasksAreLetGo(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "08")
	want := run(t, s.model, file, paligemma.Segment("heart"), nil).Objects
	err := s.compute(context.WithValue(t.Context(), recordKey{}, &record{}), func(h *held) error {
		images, _, err := h.encode(t.Context(), [][]byte{file})
		must(t, err)
		for _, form := range []maskForm{masksNone, masksRLE, masksPolygon, masksPNG, masksWhole} {
			a, err := h.ask(t.Context(), question{images: images, prompt: paligemma.Segment("heart"), masks: form, least: want[0].Score}, nil, nil)
			must(t, err)
			if len(a.found) == 0 || len(a.found) > len(want) || len(a.found) != len(a.Objects) {
				t.Fatalf("%s: %d objects, %d found, want 1 to %d", form, len(a.Objects), len(a.found), len(want))
			}
			for i, o := range a.found {
				if o.Mask != nil || a.Objects[i].Mask != nil || (o.mask == nil) != (form == masksNone) {
					t.Errorf("%s: object %d has a mask of pixels: %v, and in the form: %v", form, i, o.Mask != nil || a.Objects[i].Mask != nil, o.mask != nil)
				}
			}
			rle, err := overlay.EncodeMask(t.Context(), want[0].Mask, images[0].Bounds().Size())
			must(t, err)
			if form == masksRLE && !reflect.DeepEqual(a.found[0].mask.RLE, rle) {
				t.Errorf("the mask is %+v, want %+v", a.found[0].mask.RLE, rle)
			}
		}
		return nil
	})
	must(t, err)
}

// TestMasksEndWithTheirContext: no form of a mask is written for a client that has left.
func TestMasksEndWithTheirContext(t *testing.T) {
	left := errors.New("the client left")
	gone, leave := context.WithCancelCause(t.Context())
	leave(left)
	size := image.Pt(64, 64)
	o := paligemma.Object{Pixels: image.Rectangle{Max: size}, Mask: image.NewAlpha(image.Rectangle{Max: size})}
	for _, form := range []maskForm{masksRLE, masksPolygon, masksPNG, masksWhole} {
		if m, err := newMask(gone, o, form, size); m != nil || !errors.Is(err, left) {
			t.Errorf("%s: %v, error %v, want %v", form, m, err, left)
		}
		if m, err := newMask(t.Context(), o, form, size); m == nil || err != nil {
			t.Errorf("%s: %v, error %v, want a mask", form, m, err)
		}
	}
	var b bytes.Buffer
	if err := overlay.EncodePNG(gone, &b, image.NewGray(image.Rectangle{Max: size})); !errors.Is(err, left) || b.Len() != 0 {
		t.Errorf("a buffer of a client that has left takes %d bytes, error %v", b.Len(), err)
	}
}

// TestMasksOfLargePicturesWait: those of one answer are in memory at a time, a client that
// leaves does not wait, and small pictures never do.
func TestMasksOfLargePicturesWait(t *testing.T) {
	s := serve(t, Options{})
	large, left := image.Pt(4096, 1025), errors.New("the client left")
	gone, leave := context.WithCancelCause(t.Context())
	leave(left)
	err := s.compute(context.WithValue(t.Context(), recordKey{}, &record{}), func(h *held) error {
		s.masks <- struct{}{} // as another answer
		if err := h.find(gone, question{masks: masksRLE}, &answer{}, large); err != left {
			t.Errorf("a client that leaves while it waits: %v, want %v", err, left)
		}
		must(t, h.find(t.Context(), question{masks: masksRLE}, &answer{}, image.Pt(2048, 2048)))
		must(t, h.find(t.Context(), question{masks: masksNone}, &answer{}, large))
		<-s.masks
		return h.find(t.Context(), question{masks: masksRLE}, &answer{}, large)
	})
	must(t, err)
	if len(s.masks) != 0 {
		t.Error("an answer that has ended keeps others waiting")
	}
}
