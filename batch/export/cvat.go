package export

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"strconv"
	"strings"
)

// A cvatSink writes CVAT for images 1.1
// (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/). The labels come
// before the pictures, which are spooled.
type cvatSink struct {
	*file
	spool  *spool
	out    *xml.Encoder // to the spool
	labels *labels
	n      int
}

type (
	cvatImage struct {
		XMLName  xml.Name      `xml:"image"`
		ID       int           `xml:"id,attr"`
		Name     string        `xml:"name,attr"`
		Width    int           `xml:"width,attr"`
		Height   int           `xml:"height,attr"`
		Boxes    []cvatBox     `xml:"box"`
		Polygons []cvatPolygon `xml:"polygon"`
	}
	cvatBox struct {
		Label    string `xml:"label,attr"`
		Source   string `xml:"source,attr"`
		Occluded int    `xml:"occluded,attr"`
		X0       string `xml:"xtl,attr"`
		Y0       string `xml:"ytl,attr"`
		X1       string `xml:"xbr,attr"`
		Y1       string `xml:"ybr,attr"`
		Z        int    `xml:"z_order,attr"`
	}
	cvatPolygon struct {
		Label    string `xml:"label,attr"`
		Source   string `xml:"source,attr"`
		Occluded int    `xml:"occluded,attr"`
		Points   string `xml:"points,attr"` // x,y;x,y
		Z        int    `xml:"z_order,attr"`
	}
)

func createCVAT(path string, o *Options) (Sink, error) {
	f, s, err := createSpooled(path, o)
	if err != nil {
		return nil, err
	}
	out := xml.NewEncoder(s)
	out.Indent("  ", "  ")
	return &cvatSink{file: f, spool: s, out: out, labels: newLabels(o)}, nil
}

// Add writes a mask as one polygon, since a second one of an object would be another object.
// Pictures that were not read are left out: an image of the format has a size.
func (s *cvatSink) Add(ctx context.Context, p *Picture) error {
	if p.Size == (image.Point{}) {
		return nil
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
	out := cvatImage{ID: s.n, Name: p.Name, Width: p.Size.X, Height: p.Size.Y}
	s.n++
	for o := range p.all() {
		name := s.labels.name(o.Label)
		outline, err := o.outline(ctx)
		if err != nil {
			return err
		}
		if outline == nil {
			x0, y0, x1, y1 := p.Pixels(o.Box)
			out.Boxes = append(out.Boxes, cvatBox{Label: name, Source: "auto", X0: number(x0), Y0: number(y0), X1: number(x1), Y1: number(y1)})
			continue
		}
		var points []string
		for _, q := range outline {
			points = append(points, number(float64(q[0]))+","+number(float64(q[1])))
		}
		out.Polygons = append(out.Polygons, cvatPolygon{Label: name, Source: "auto", Points: strings.Join(points, ";")})
	}
	return s.out.Encode(out)
}

// Finish writes the labels, which are known only now, and the pictures after them. Source
// "auto" tells CVAT that no person drew the shapes.
func (s *cvatSink) Finish() error {
	type label struct {
		Name       string   `xml:"name"`
		Attributes struct{} `xml:"attributes"`
	}
	type meta struct {
		XMLName xml.Name `xml:"meta"`
		Task    struct {
			Name    string  `xml:"name"`
			Size    int     `xml:"size"`
			Mode    string  `xml:"mode"`
			Overlap int     `xml:"overlap"`
			Labels  []label `xml:"labels>label"`
		} `xml:"task"`
	}
	var m meta
	m.Task.Name, m.Task.Size, m.Task.Mode = "pgcli export", s.n, "annotation"
	for _, name := range s.labels.names {
		m.Task.Labels = append(m.Task.Labels, label{Name: name})
	}
	fmt.Fprintf(s, "%s<annotations>\n  <version>1.1</version>\n", xml.Header)
	head := xml.NewEncoder(s)
	head.Indent("  ", "  ")
	if err := head.Encode(m); err != nil {
		return err
	}
	s.WriteByte('\n')
	if err := s.spool.copyTo(s); err != nil {
		return err
	}
	s.WriteString("\n</annotations>\n")
	return s.file.Finish()
}

// Close removes what is not complete, and the spool.
func (s *cvatSink) Close() error { return errors.Join(s.spool.Close(), s.file.Close()) }
