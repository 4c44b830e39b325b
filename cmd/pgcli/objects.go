package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/legible"
	"github.com/pgcli/paligemma/internal/overlay"
)

// objectFlags choose how objects are printed.
func objectFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each answer"},
		&cli.BoolFlag{Name: "coco", Usage: "print the objects as a JSON array in COCO's results format, masks as RLE"},
	}
}

// A finding is an answer about a picture.
type finding struct {
	Prompt paligemma.Prompt `json:"prompt"`
	Path   string           `json:"image,omitempty"`
	*paligemma.Result
	size image.Point // of the picture in pixels; (0, 0) for an answer about several
}

// A printer prints the objects of findings in the form that the flags choose; by
// default a table on a terminal, elsewhere lines of fields with tabs between them.
type printer struct {
	w        io.Writer
	form     string   // table, lines, json or coco
	pictures []string // asked about one by one; if there are several, each line names its own
	labels   []string
	results  []overlay.Detection
}

// newPrinter returns a printer for findings about pictures, which are asked about one
// by one. It numbers COCO's categories from 1 in the order of labels, then in the
// order in which other labels come.
func newPrinter(c *cli.Context, pictures []string, labels ...string) (*printer, error) {
	p := &printer{w: c.App.Writer, form: "lines", pictures: pictures, labels: labels, results: []overlay.Detection{}}
	switch {
	case c.Bool("json") && c.Bool("coco"):
		return nil, usagef("--json and --coco are two forms of the same; give one")
	case c.Bool("json"):
		p.form = "json"
	case c.Bool("coco"):
		p.form = "coco"
	case isTerminal(p.w):
		p.form = "table"
	}
	return p, nil
}

// print prints a finding. The coco form keeps it for close. The error may be ctx's cause:
// masks of a large picture take seconds.
func (p *printer) print(ctx context.Context, f finding) error {
	switch p.form {
	case "json":
		out := json.NewEncoder(legible.JSON(p.w))
		out.SetEscapeHTML(false) // tokens such as <loc0512> stay readable
		return out.Encode(f)
	case "coco":
		var all []overlay.Detection
		for _, o := range f.Objects {
			d, err := p.detection(ctx, f, o)
			if err != nil {
				return err
			}
			all = append(all, d)
		}
		p.results = append(p.results, all...) // those of a whole picture, or none
		return nil
	case "table":
		return p.table(f)
	}
	for _, o := range f.Objects {
		if _, err := fmt.Fprintln(p.w, strings.Join(p.fields(f, o), "\t")); err != nil {
			return err
		}
	}
	return nil
}

// close prints the array of the coco form, also after an error if there are results.
// It returns the errors of both.
func (p *printer) close(err error) error {
	if p.form != "coco" || err != nil && len(p.results) == 0 {
		return err
	}
	out := json.NewEncoder(legible.JSON(p.w))
	out.SetEscapeHTML(false)
	return errors.Join(err, out.Encode(p.results))
}

// table prints the objects of a finding as a table.
func (p *printer) table(f finding) error {
	if len(f.Objects) == 0 {
		return nil
	}
	if len(p.pictures) > 1 {
		if _, err := fmt.Fprintln(p.w, oneLine(f.Path)); err != nil {
			return err
		}
	}
	rows := [][]string{{"LABEL", "SCORE", "LEFT", "TOP", "RIGHT", "BOTTOM"}}
	for _, o := range f.Objects {
		rows = append(rows, (&printer{}).fields(f, o))
	}
	return printTable(p.w, rows)
}

// fields returns the picture's path if there are several pictures, the label, the
// score, and the box in pixels: left, top, right, bottom. The box is in fractions
// for an answer about several pictures, which does not say in which one it is.
func (p *printer) fields(f finding, o paligemma.Object) []string {
	var all []string
	if len(p.pictures) > 1 {
		all = append(all, oneLine(f.Path))
	}
	all = append(all, oneLine(o.Label), fmt.Sprintf("%.2f", o.Score))
	if f.size == (image.Point{}) {
		for _, v := range []float64{o.Box.X0, o.Box.Y0, o.Box.X1, o.Box.Y1} {
			all = append(all, fmt.Sprintf("%.4f", v))
		}
		return all
	}
	for _, v := range []int{o.Pixels.Min.X, o.Pixels.Min.Y, o.Pixels.Max.X, o.Pixels.Max.Y} {
		all = append(all, strconv.Itoa(v))
	}
	return all
}

// oneLine replaces what a terminal obeys by spaces, so that a text stays in its field.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if legible.Obeyed(r) {
			return ' '
		}
		return r
	}, s)
}

// detection returns an object in COCO's form. The error is ctx's cause.
func (p *printer) detection(ctx context.Context, f finding, o paligemma.Object) (overlay.Detection, error) {
	mask, err := overlay.EncodeMask(ctx, o.Mask, f.size)
	if err != nil {
		return overlay.Detection{}, err
	}
	round := func(v float64) float64 { return math.Round(v*100) / 100 }
	w, h := float64(f.size.X), float64(f.size.Y)
	return overlay.Detection{
		ImageID: p.imageID(f.Path), CategoryID: p.category(o.Label), CategoryName: o.Label,
		BBox:  [4]float64{round(o.Box.X0 * w), round(o.Box.Y0 * h), round((o.Box.X1 - o.Box.X0) * w), round((o.Box.Y1 - o.Box.Y0) * h)},
		Score: o.Score, Segmentation: mask,
	}, nil
}

// category returns the number of a label, from 1.
func (p *printer) category(label string) int {
	for i, l := range p.labels {
		if l == label {
			return i + 1
		}
	}
	p.labels = append(p.labels, label)
	return len(p.labels)
}

// imageID returns the name of a picture in COCO, or its path if another picture has
// the same name.
func (p *printer) imageID(path string) any {
	id := cocoName(path)
	for _, other := range p.pictures {
		if other != path && cocoName(other) == id {
			return path
		}
	}
	return id
}

// cocoName returns the number that is a picture's name in COCO, such as
// 000000397133.jpg; for another picture it returns the file's name.
func cocoName(path string) any {
	base := filepath.Base(path)
	if n, err := strconv.ParseUint(strings.TrimSuffix(base, filepath.Ext(base)), 10, 53); err == nil {
		return n
	}
	return base
}

// warnObjects reports the problems of an answer, and masks that the model cannot
// decode.
func warnObjects(w io.Writer, name string, m *paligemma.Model, r *paligemma.Result) {
	for _, p := range r.Problems {
		tell(w, "%s: %q is not an object: %s", name, p.Text, p.Reason)
	}
	for _, o := range r.Objects {
		if o.Codes != nil && !o.Pixels.Empty() && !m.Config().Masks {
			tell(w, "%s: no masks, only boxes: the model has no mask decoder; see pgcli convert --mask-decoder", name)
			return
		}
	}
}
