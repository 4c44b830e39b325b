package paligemma

import (
	"errors"
	"image"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestEachMask: the masks of AddMasks, one after the other, of boxes that fit together in
// what is kept and of boxes that do not; the objects stay without.
func TestEachMask(t *testing.T) {
	m := openParts(t, maskParts(t), Options{})
	for _, side := range []int{128, 3000} {
		objects, _ := m.ParseObjects(strings.Join([]string{segmented(t, 0), "<loc0000><loc0000><loc0500><loc0500> box", segmented(t, 1), segmented(t, 2)}, " ; "), image.Pt(side, side))
		want := slices.Clone(objects)
		must(t, m.AddMasks(t.Context(), want))
		var order []int
		must(t, m.EachMask(t.Context(), objects, func(i int, mask *image.Alpha) error {
			order = append(order, i)
			if !reflect.DeepEqual(mask, want[i].Mask) || (mask == nil) != (i == 1) {
				t.Errorf("%d pixels: mask %d is another than that of AddMasks", side, i)
			}
			return nil
		}))
		if !slices.Equal(order, []int{0, 1, 2, 3}) {
			t.Errorf("%d pixels: masks %v, want 4", side, order)
		}
		if i := slices.IndexFunc(objects, func(o Object) bool { return o.Mask != nil }); i >= 0 {
			t.Errorf("%d pixels: object %d keeps its mask", side, i)
		}
		enough := errors.New("enough")
		if err := m.EachMask(t.Context(), objects, func(i int, _ *image.Alpha) error {
			if i != 0 {
				t.Error("goes on after an error")
			}
			return enough
		}); err != enough {
			t.Errorf("error %v, want %v", err, enough)
		}
	}
}

// TestNoMasks: an answer's objects have no masks if they are not asked for.
func TestNoMasks(t *testing.T) {
	m, picture := openTiny(t, Options{}), scenes(t, 1)[0]
	for _, no := range []bool{false, true} {
		r, err := m.Run(t.Context(), picture, "segment circle", &Sampling{NoMasks: no})
		must(t, err)
		if len(r.Objects) == 0 || (r.Objects[0].Mask == nil) != no {
			t.Errorf("NoMasks %v: objects %+v", no, r.Objects)
		}
	}
}

// TestMaskBytes of boxes whose pixels are more than an int holds.
func TestMaskBytes(t *testing.T) {
	const large = math.MaxInt / 2
	for box, want := range map[image.Rectangle]int{
		image.Rect(0, 0, 0, 0): 0, image.Rect(5, 5, 1000, 1000): 995 * 995, image.Rect(0, 0, 2049, 2048): mostMasks + 1,
		image.Rect(0, 0, large, large): mostMasks + 1, image.Rect(math.MinInt, 0, math.MaxInt, 4): mostMasks + 1,
	} {
		if got := maskBytes(box); got != want {
			t.Errorf("%v: %d bytes, want %d", box, got, want)
		}
	}
}
