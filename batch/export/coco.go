package export

import (
	"context"
	"encoding/json"
	"errors"
	"image"

	"github.com/pgcli/paligemma/internal/overlay"
)

// A cocoSink writes a data set as pycocotools reads it
// (https://cocodataset.org/#format-data): images first, annotations spooled.
type cocoSink struct {
	*file
	annotations *spool
	labels      *labels
	images, n   int
}

type cocoImage struct {
	ID     int    `json:"id"`
	Name   string `json:"file_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

type cocoAnnotation struct {
	ID           int          `json:"id"`
	ImageID      int          `json:"image_id"`
	CategoryID   int          `json:"category_id"`
	BBox         [4]float64   `json:"bbox"` // x, y, width, height
	Area         float64      `json:"area"`
	IsCrowd      int          `json:"iscrowd"`
	Score        float32      `json:"score"` // not in the format; readers of results want it
	Segmentation *overlay.RLE `json:"segmentation,omitempty"`
}

func createCOCO(path string, o *Options) (Sink, error) {
	f, s, err := createSpooled(path, o)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(`{"info":{"description":"answers of PaliGemma, written by pgcli export"},"licenses":[],"images":[`)
	return &cocoSink{file: f, annotations: s, labels: newLabels(o)}, err
}

// Add leaves out pictures that were not read: an image of the format has a size.
func (s *cocoSink) Add(_ context.Context, p *Picture) error {
	if p.Size == (image.Point{}) {
		return nil
	}
	s.images++
	if s.images > 1 {
		s.WriteByte(',')
	}
	if err := s.json(cocoImage{s.images, p.Name, p.Size.X, p.Size.Y}); err != nil {
		return err
	}
	for o := range p.all() {
		s.n++
		x0, y0, x1, y1 := p.Pixels(o.Box)
		a := cocoAnnotation{ID: s.n, ImageID: s.images, CategoryID: 1 + s.labels.of(o.Label),
			BBox: [4]float64{x0, y0, cents(x1 - x0), cents(y1 - y0)}, Score: o.Score, Segmentation: o.RLE}
		a.Area = cents(a.BBox[2] * a.BBox[3])
		if o.RLE != nil {
			area, err := o.RLE.Area()
			if err != nil {
				return err
			}
			a.Area = float64(area) // pixels of the mask, as pycocotools measures sizes
		}
		data, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if s.n > 1 {
			s.annotations.WriteByte(',')
		}
		s.annotations.Write(data)
		if err := s.annotations.WriteByte('\n'); err != nil { // also the error of an earlier write
			return err
		}
	}
	return nil
}

// Finish appends the annotations, and the categories, which are known only now.
func (s *cocoSink) Finish() error {
	s.WriteString(`],"annotations":[`)
	if err := s.annotations.copyTo(s); err != nil {
		return err
	}
	type category struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	all := []category{}
	for i, name := range s.labels.names {
		all = append(all, category{i + 1, name})
	}
	s.WriteString(`],"categories":`)
	if err := s.json(all); err != nil {
		return err
	}
	s.WriteString("}\n")
	return s.file.Finish()
}

// Close removes what is not complete, and the spool.
func (s *cocoSink) Close() error { return errors.Join(s.annotations.Close(), s.file.Close()) }
