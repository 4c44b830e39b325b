package export

import (
	"context"
	"fmt"
	"image"
	"io"
	"math"
	"strconv"
	"strings"
)

// A yoloSink writes a data set as Ultralytics reads it
// (https://docs.ultralytics.com/datasets/): images/train/NAME.jpg beside
// labels/train/NAME.txt, and data.yaml. A set has boxes or polygons, never both:
// Ultralytics would drop the polygons.
type yoloSink struct {
	*folder
	o        *Options
	polygons bool
	labels   *labels
	stems    stems
	count    map[string]int // of pictures in train and val
}

func createYOLO(path string, o *Options) (Sink, error) { return newYOLO(path, o, false) }

func createYOLOSegments(path string, o *Options) (Sink, error) { return newYOLO(path, o, true) }

func newYOLO(path string, o *Options, polygons bool) (Sink, error) {
	f, err := createFolder(path)
	if err != nil {
		return nil, err
	}
	return &yoloSink{f, o, polygons, newLabels(o), stems{}, map[string]int{}}, nil
}

func (s *yoloSink) Add(ctx context.Context, p *Picture) error {
	if p.Size == (image.Point{}) {
		return nil
	}
	file, ext, err := s.o.trainable(ctx, p)
	if err != nil {
		return err
	}
	part, stem := "train", s.stems.of(p.Name)
	if share := float64(hash(p.Name)%10_000) / 10_000; share < s.o.Validation {
		part = "val"
	}
	s.count[part]++
	if err := s.write("images/"+part+"/"+stem+ext, bytes(file)); err != nil {
		return err
	}
	var lines strings.Builder
	for o := range p.all() {
		if err := s.line(ctx, &lines, p, o); err != nil {
			return err
		}
	}
	return s.write("labels/"+part+"/"+stem+".txt", bytes([]byte(lines.String())))
}

// line writes an object: its class, then centre and size of the box, or the points of
// the polygon, in fractions of the picture.
func (s *yoloSink) line(ctx context.Context, w *strings.Builder, p *Picture, o Object) error {
	b := o.Box
	x0, y0, x1, y1 := clip(b.X0), clip(b.Y0), clip(b.X1), clip(b.Y1)
	if x1 <= x0 || y1 <= y0 { // outside the picture
		return nil
	}
	values := []float64{(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0}
	if s.polygons {
		outline, err := o.outline(ctx)
		if err != nil {
			return err
		}
		values = nil
		for _, q := range outline {
			values = append(values, clip(float64(q[0])/float64(p.Size.X)), clip(float64(q[1])/float64(p.Size.Y)))
		}
		if outline == nil {
			values = []float64{x0, y0, x1, y0, x1, y1, x0, y1}
		}
	}
	fmt.Fprint(w, s.labels.of(o.Label))
	for _, v := range values {
		w.WriteByte(' ')
		w.WriteString(strconv.FormatFloat(v, 'f', 6, 64))
	}
	w.WriteByte('\n')
	return nil
}

func clip(v float64) float64 { return math.Min(1, math.Max(0, v)) }

func (s *yoloSink) Finish() error {
	train, val := "images/train", "images/val"
	if s.count["train"] == 0 { // a set to measure with
		train = val
	}
	if s.count["val"] == 0 {
		val = train
	}
	err := s.write("data.yaml", func(w io.Writer) error {
		fmt.Fprintf(w, "# answers of PaliGemma, written by pgcli export; %d pictures to train on, %d to validate with\n", s.count["train"], s.count["val"])
		fmt.Fprintf(w, "train: %s\nval: %s\nnames:\n", train, val)
		for i, name := range s.labels.names {
			// Go's escapes are among those of YAML's double-quoted strings.
			if _, err := fmt.Fprintf(w, "  %d: %s\n", i, strconv.Quote(name)); err != nil {
				return err
			}
		}
		if len(s.labels.names) == 0 {
			_, err := fmt.Fprintln(w, "  {}")
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.folder.Finish()
}
