package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/overlay"
)

// covered returns where a mask is the thing: a byte for each pixel of a picture.
func covered(size image.Point, value func(x, y int) uint8) []bool {
	var list []bool
	for y := range size.Y {
		for x := range size.X {
			list = append(list, value(x, y) >= 128)
		}
	}
	return list
}

// maskOfPNG returns where a grey PNG, whose corner lies at a point of the picture, is the thing.
func maskOfPNG(t *testing.T, file []byte, at, size image.Point) []bool {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(file))
	must(t, err)
	grey, ok := img.(*image.Gray)
	if !ok {
		t.Fatalf("the mask is %T, want a grey PNG", img)
	}
	return covered(size, func(x, y int) uint8 { return grey.GrayAt(x-at.X, y-at.Y).Y })
}

// TestMasksInEachForm asks for masks in all forms of all formats, and compares each with
// the mask of the model's own object.
func TestMasksInEachForm(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	size := image.Pt(336, 336)
	o := run(t, s.model, file, paligemma.Segment("moon"), nil).Objects[0]
	rle, err := overlay.EncodeMask(t.Context(), o.Mask, size)
	must(t, err)
	outlines, err := overlay.Outlines(t.Context(), o.Mask)
	must(t, err)
	where := covered(size, func(x, y int) uint8 { return o.Mask.AlphaAt(x, y).A })
	find := func(format, masks string, out any) string {
		t.Helper()
		body := map[string]any{"image": dataURI(file), "labels": []string{"moon"}, "format": format, "image_id": "17"}
		if masks != "" {
			body["masks"] = masks
		}
		data, err := json.Marshal(body)
		must(t, err)
		w, got := s.send("POST", "/v1/segment", data)
		if w.StatusCode != 200 {
			t.Fatalf("%s, masks %q: status %d: %s", format, masks, w.StatusCode, got)
		}
		must(t, json.Unmarshal(got, out))
		return string(got)
	}
	for masks, want := range map[string]mask{"": {RLE: rle}, "rle": {RLE: rle}, "polygon": {Polygons: outlines}, "none": {}} {
		var got struct{ Objects []struct{ Mask mask } }
		text := find("pgcli", masks, &got)
		if len(got.Objects) != 1 || !reflect.DeepEqual(got.Objects[0].Mask, want) || strings.Contains(text, `"mask"`) == (masks == "none") {
			t.Errorf("pgcli, masks %q: %.300s", masks, text)
		}
	}
	var ours struct{ Objects []struct{ Mask mask } }
	find("pgcli", "png", &ours)
	if !reflect.DeepEqual(maskOfPNG(t, ours.Objects[0].Mask.PNG, o.Pixels.Min, size), where) {
		t.Error("pgcli, masks png: another mask")
	}
	x0, y0, x1, y1 := corners(o, size)
	for masks, want := range map[string]*overlay.RLE{"": rle, "none": nil} {
		var got []overlay.Detection
		text := find("coco", masks, &got)
		box := [4]float64{x0, y0, x1 - x0, y1 - y0}
		if len(got) != 1 || !strings.Contains(text, `"image_id":17`) || got[0].CategoryID != 1 || got[0].Score != o.Score || !reflect.DeepEqual(got[0].Segmentation, want) {
			t.Fatalf("coco, masks %q: %s", masks, text)
		}
		for i, v := range got[0].BBox {
			if math.Abs(v-box[i]) > 0.005+1e-9 {
				t.Errorf("coco: box %v, want %v", got[0].BBox, box)
			}
		}
	}
	for _, masks := range []string{"", "none"} {
		var got []hfObject
		text := find("hf", masks, &got)
		data, err := base64.StdEncoding.DecodeString(got[0].Mask)
		must(t, err)
		if got[0].Label != "moon" || got[0].Score != o.Score || got[0].Box != (hfBox{o.Pixels.Min.X, o.Pixels.Min.Y, o.Pixels.Max.X, o.Pixels.Max.Y}) ||
			(masks == "none") != (got[0].Mask == "") || masks == "" && !reflect.DeepEqual(maskOfPNG(t, data, image.Point{}, size), where) {
			t.Errorf("hf, masks %q: %.300s", masks, text)
		}
	}
	for masks, kind := range map[string]string{"": "rle", "polygon": "polygon", "none": ""} {
		var got roboflowAnswer
		text := find("roboflow", masks, &got)
		p := got.Predictions[0]
		if p.MaskFormat != kind || (kind == "rle") != (p.RLE != nil) || (kind == "polygon") != (len(p.Points) > 2) || kind == "rle" && !reflect.DeepEqual(p.RLE, rle) ||
			math.Abs(p.Y-(y0+y1)/2) > 1e-9 || got.Image != (sizeObject{336, 336}) {
			t.Errorf("roboflow, masks %q: %.300s", masks, text)
		}
	}
}

// TestPerLabel asks one prompt for each label: the answers are the model's own to each
// prompt, the objects say whose they are, and the picture is encoded once.
func TestPerLabel(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	labels := []string{"cross", "moon", "circle"}
	var got struct {
		Objects []struct {
			Label  string
			Score  float32
			Answer int
		}
		Answers []struct{ Text string }
	}
	ask := func(more map[string]any) {
		t.Helper()
		body := map[string]any{"image": dataURI(file), "labels": labels, "per_label": true}
		for name, value := range more {
			body[name] = value
		}
		got.Objects, got.Answers = nil, nil
		s.post("/v1/detect", body, 200, &got)
	}
	ask(nil)
	var all []paligemma.Object
	for i, label := range labels {
		want := run(t, s.model, file, paligemma.Detect(label), nil)
		if len(got.Answers) != len(labels) || got.Answers[i].Text != want.Text {
			t.Fatalf("answers %+v, want %q about %s", got.Answers, want.Text, label)
		}
		for _, o := range want.Objects {
			if n := len(all); n >= len(got.Objects) || got.Objects[n].Label != o.Label || got.Objects[n].Score != o.Score || got.Objects[n].Answer != i {
				t.Fatalf("object %d of %+v is not %+v of answer %d", n, got.Objects, o, i)
			}
			all = append(all, o)
		}
	}
	if len(got.Objects) != len(all) || len(all) < 3 {
		t.Fatalf("%d objects, want %d", len(got.Objects), len(all))
	}
	if _, metrics := s.send("GET", "/metrics", nil); !strings.Contains(string(metrics), `pgcli_pictures_total{result="miss"} 1`) || strings.Contains(string(metrics), `result="hit"`) {
		t.Error("the picture was encoded, or looked for, more than once")
	}
	most := all[0].Score
	for _, o := range all {
		most = max(most, o.Score)
	}
	for _, more := range []map[string]any{{"threshold": most}, {"max_objects": 1}} {
		if ask(more); len(got.Objects) != 1 || got.Objects[0].Score != most || len(got.Answers) != len(labels) {
			t.Errorf("%v: objects %+v, want the one with the score %v", more, got.Objects, most)
		}
	}
}
