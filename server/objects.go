package server

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"slices"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/overlay"
)

// A maskForm says how masks are written. Several have commas between them.
type maskForm string

// Forms of masks.
const (
	masksNone    maskForm = "none"
	masksRLE     maskForm = "rle"     // COCO's, of the whole picture
	masksPolygon maskForm = "polygon" // outlines in pixels of the picture; holes run the other way round
	masksPNG     maskForm = "png"     // grey, of the box in pixels, 128 or more is the thing
	masksWhole   maskForm = "whole"   // as masksPNG, of the whole picture; no request may ask for it, but by its format
)

// check refuses forms that are not known, and forms that are given twice: each costs up to
// seconds for an object of a large picture. param names the field.
func (f maskForm) check(param string) error {
	if f == "" || f == masksNone {
		return nil
	}
	left := []maskForm{masksRLE, masksPolygon, masksPNG}
	for form := range strings.SplitSeq(string(f), ",") {
		i := slices.Index(left, maskForm(form))
		if i < 0 {
			return wrong(param, "%s is %.40q, want none, or rle, polygon and png, each once at most, with commas between them", param, string(f))
		}
		left = slices.Delete(left, i, i+1)
	}
	return nil
}

// A found object is an object of an answer, as it is written.
type found struct {
	paligemma.Object
	answer int // its number among the answers of a request
	mask   *mask
}

// A mask is a mask in one of the forms.
type mask struct {
	RLE      *overlay.RLE   `json:"rle,omitempty"`
	Polygons [][][2]float32 `json:"polygons,omitempty"`
	PNG      []byte         `json:"png,omitempty"` // base64 in JSON
	whole    []byte
}

// MarshalJSON writes the fields of the object, then those of found. It puts two JSON
// objects together, as an embedded type with a MarshalJSON hides the fields beside it.
func (f found) MarshalJSON() ([]byte, error) {
	object, err := f.Object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	rest, err := json.Marshal(struct {
		Answer int   `json:"answer"`
		Mask   *mask `json:"mask,omitempty"`
	}{f.answer, f.mask})
	if err != nil {
		return nil, err
	}
	object[len(object)-1] = ','
	return append(object, rest[1:]...), nil
}

// mostFree is the size in pixels of the largest pictures whose answers do not wait for each
// other with their masks.
const mostFree = 4 << 20

// find fills in the objects of an answer about a picture of a size in pixels, and its
// problems. A mask has a byte for each pixel of its box, and a request of some kilobytes can
// ask for hundreds of masks of 100 MB: so only what is asked for is decoded, a few at a time
// if the picture is large, and written in its form at once and let go. Answers about pictures
// that are larger than mostFree wait for each other.
func (h *held) find(ctx context.Context, q question, a *answer, size image.Point) error {
	a.Objects, a.Problems = h.server.model.Objects(a.Tokens, size)
	a.Objects = slices.DeleteFunc(a.Objects, func(o paligemma.Object) bool { return o.Score < q.least })
	if q.masks == "" || q.masks == masksNone {
		for _, o := range a.Objects {
			a.found = append(a.found, found{Object: o})
		}
		return nil
	}
	area := max(1, size.X*size.Y)
	if area > mostFree {
		select {
		case h.server.masks <- struct{}{}:
			defer func() { <-h.server.masks }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return h.server.model.EachMask(ctx, a.Objects, func(i int, mask *image.Alpha) error {
		o := a.Objects[i]
		o.Mask = mask
		m, err := newMask(ctx, o, q.masks, size)
		a.found = append(a.found, found{Object: a.Objects[i], mask: m})
		return err
	})
}

// newMask writes the mask of an object of a picture of a size; nil if it has none. The error
// is ctx's cause: each form of a large picture takes seconds.
func newMask(ctx context.Context, o paligemma.Object, form maskForm, size image.Point) (m *mask, err error) {
	if o.Mask == nil {
		return nil, nil
	}
	m = &mask{}
	for form := range strings.SplitSeq(string(form), ",") {
		switch maskForm(form) {
		case masksRLE:
			m.RLE, err = overlay.EncodeMask(ctx, o.Mask, size)
		case masksPolygon:
			m.Polygons, err = overlay.Outlines(ctx, o.Mask)
		case masksPNG:
			m.PNG, err = encodePNG(ctx, o.Mask, o.Pixels)
		case masksWhole:
			m.whole, err = encodePNG(ctx, o.Mask, image.Rectangle{Max: size})
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// encodePNG writes a mask as a grey PNG of a part of the picture, a byte for each pixel;
// pixels of the part that the mask does not cover are 0. The error is ctx's cause.
func encodePNG(ctx context.Context, m *image.Alpha, part image.Rectangle) ([]byte, error) {
	grey := image.NewGray(part)
	inside := part.Intersect(m.Rect)
	for y := inside.Min.Y; y < inside.Max.Y; y++ {
		copy(grey.Pix[grey.PixOffset(inside.Min.X, y):], m.Pix[m.PixOffset(inside.Min.X, y):m.PixOffset(inside.Min.X, y)+inside.Dx()])
	}
	var b bytes.Buffer
	if err := overlay.EncodePNG(ctx, &b, grey); err != nil && context.Cause(ctx) != nil { // it fails for empty pictures, too, which no box with a mask has
		return nil, err
	}
	return b.Bytes(), nil
}

// size returns the size of the picture of a question; the zero point for several, as nothing
// says which of them a box is in.
func (q question) size() image.Point {
	if len(q.images) != 1 {
		return image.Point{}
	}
	return q.images[0].Bounds().Size()
}
