package server

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"image"
	"math"
	"slices"
	"strconv"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/overlay"
)

// formats write what was found, in the forms that programs read.
var formats = map[string]func(*Server, *detection) any{
	"pgcli":    ours,
	"roboflow": roboflow,
	"coco":     coco,
	"hf":       huggingFace,
}

// Our own form.
type (
	foundAll struct {
		Model    string              `json:"model"`
		Image    sizeObject          `json:"image"`
		Objects  []found             `json:"objects"`
		Problems []paligemma.Problem `json:"problems,omitempty"`
		Answers  []foundAnswer       `json:"answers"` // one for each prompt
	}
	foundAnswer struct {
		Text    string            `json:"text"`
		Tokens  []paligemma.Token `json:"tokens,omitempty"`
		Stop    paligemma.Stop    `json:"stop"`
		Timings paligemma.Timings `json:"timings"`
	}
)

// ours writes objects and answers with all that is known of them. Boxes are fractions of
// the picture, and whole pixels in the field pixels; an object's field answer is the number
// of its prompt's answer.
func ours(s *Server, d *detection) any {
	out := foundAll{Model: s.opts.Name, Image: sizeObject{d.size.X, d.size.Y}, Objects: append([]found{}, d.objects...), Problems: d.problems}
	for _, a := range d.answers {
		answer := foundAnswer{a.Text, nil, a.Stop, a.Timings}
		if d.Tokens {
			answer.Tokens = a.Tokens
		}
		out.Answers = append(out.Answers, answer)
	}
	return out
}

// Roboflow's form, which supervision's Detections.from_inference reads (roboflow/inference,
// core/entities/responses/inference.py). x and y are the centre of the box, in pixels.
type (
	roboflowAnswer struct {
		ID          string               `json:"inference_id"`
		Time        float64              `json:"time"` // seconds
		Image       sizeObject           `json:"image"`
		Predictions []roboflowPrediction `json:"predictions"`
	}
	roboflowPrediction struct {
		X          float64         `json:"x"`
		Y          float64         `json:"y"`
		Width      float64         `json:"width"`
		Height     float64         `json:"height"`
		Confidence float32         `json:"confidence"`
		Class      string          `json:"class"`
		ClassID    int             `json:"class_id"`
		ID         string          `json:"detection_id"`
		Points     []roboflowPoint `json:"points,omitempty"`
		RLE        *overlay.RLE    `json:"rle,omitempty"`
		MaskFormat string          `json:"mask_format,omitempty"`
	}
	roboflowPoint struct {
		X float32 `json:"x"`
		Y float32 `json:"y"`
	}
)

// roboflow writes boxes in pixels that are not rounded, and masks as their largest outline
// if polygons are asked for, or RLE; supervision reads both. class_id counts the labels of
// the request from 0, and time has seconds.
func roboflow(_ *Server, d *detection) any {
	out := roboflowAnswer{ID: uuid(), Time: seconds(d.took), Image: sizeObject{d.size.X, d.size.Y}, Predictions: []roboflowPrediction{}}
	for _, o := range d.objects {
		x0, y0, x1, y1 := corners(o.Object, d.size)
		p := roboflowPrediction{X: (x0 + x1) / 2, Y: (y0 + y1) / 2, Width: x1 - x0, Height: y1 - y0,
			Confidence: o.Score, Class: o.Label, ClassID: d.class(o.Label), ID: uuid()}
		switch {
		case o.mask == nil:
		case o.mask.RLE == nil:
			p.MaskFormat = "polygon"
			for _, at := range largest(o.mask.Polygons) {
				p.Points = append(p.Points, roboflowPoint{at[0], at[1]})
			}
		default:
			p.MaskFormat, p.RLE = "rle", o.mask.RLE
		}
		out.Predictions = append(out.Predictions, p)
	}
	return out
}

// coco is COCO's results format (https://cocodataset.org/#format-results), as pgcli detect
// --coco prints it: bbox is [x, y, width, height] in pixels, rounded to hundredths as
// COCO's files are. category_id counts the labels of the request from 1. image_id is a
// number if the request's is spelled as one, as COCO's own pictures have numbers.
func coco(_ *Server, d *detection) any {
	var id any = d.ImageID
	if n, err := strconv.ParseUint(d.ImageID, 10, 53); err == nil {
		id = n
	}
	out := []overlay.Detection{}
	for _, o := range d.objects {
		x0, y0, x1, y1 := corners(o.Object, d.size)
		round := func(v float64) float64 { return math.Round(v*100) / 100 }
		result := overlay.Detection{ImageID: id, CategoryID: d.class(o.Label) + 1, CategoryName: o.Label,
			BBox: [4]float64{round(x0), round(y0), round(x1 - x0), round(y1 - y0)}, Score: o.Score}
		if o.mask != nil {
			result.Segmentation = o.mask.RLE
		}
		out = append(out, result)
	}
	return out
}

// Hugging Face's form of the tasks object-detection, zero-shot-object-detection and
// image-segmentation (huggingface.js, packages/tasks). A mask is a PNG as large as the
// picture, in base64.
type (
	hfObject struct {
		Label string  `json:"label"`
		Score float32 `json:"score"`
		Box   hfBox   `json:"box"`
		Mask  string  `json:"mask,omitempty"`
	}
	hfBox struct {
		X0 int `json:"xmin"`
		Y0 int `json:"ymin"`
		X1 int `json:"xmax"`
		Y1 int `json:"ymax"`
	}
)

// huggingFace writes boxes in whole pixels, xmax and ymax outside, and masks as grey PNG
// files of the whole picture, in which 128 or more is the thing. Objects without a mask
// have no field of it.
func huggingFace(_ *Server, d *detection) any {
	out := []hfObject{}
	for _, o := range d.objects {
		r := o.Pixels
		h := hfObject{o.Label, o.Score, hfBox{r.Min.X, r.Min.Y, r.Max.X, r.Max.Y}, ""}
		if o.mask != nil {
			h.Mask = base64.StdEncoding.EncodeToString(o.mask.whole)
		}
		out = append(out, h)
	}
	return out
}

// class returns the number of a label, from 0 in the order of the request. Labels that
// only the answer has get the next numbers.
func (d *detection) class(label string) int {
	if i := slices.Index(d.Labels, label); i >= 0 {
		return i
	}
	d.Labels = append(d.Labels, label) // an answer that no grammar holds names others
	return len(d.Labels) - 1
}

// corners returns a box in pixels that are not rounded: left, top, right, bottom.
func corners(o paligemma.Object, size image.Point) (x0, y0, x1, y1 float64) {
	w, h := float64(size.X), float64(size.Y)
	return o.Box.X0 * w, o.Box.Y0 * h, o.Box.X1 * w, o.Box.Y1 * h
}

// largest returns the polygon with the largest area: some formats have one only.
func largest(polygons [][][2]float32) (best [][2]float32) {
	most := 0.0
	for _, p := range polygons {
		area := 0.0
		for i, a := range p {
			b := p[(i+1)%len(p)]
			area += float64(a[0])*float64(b[1]) - float64(b[0])*float64(a[1])
		}
		if area = math.Abs(area); area > most {
			best, most = p, area
		}
	}
	return best
}

// uuid returns a random UUID (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
