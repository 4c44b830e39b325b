package export

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image"
	"io"

	"github.com/pgcli/paligemma"
)

// A studioSink writes tasks.json, with what the model found as predictions
// (https://labelstud.io/guide/predictions), and config.xml, the labelling interface
// that they fit.
type studioSink struct {
	*folder
	o       *Options
	tasks   *spool
	labels  *labels
	n       int
	objects int
}

type (
	studioTask struct {
		Data struct {
			Image   string             `json:"image"`
			Prompts []paligemma.Prompt `json:"prompts"`
		} `json:"data"`
		Predictions []studioPrediction `json:"predictions,omitempty"`
	}
	studioPrediction struct {
		Model  string         `json:"model_version"`
		Score  float32        `json:"score"` // of the least sure object, to sort by
		Result []studioResult `json:"result"`
	}
	studioResult struct {
		ID     string         `json:"id"`
		Type   string         `json:"type"`
		From   string         `json:"from_name"`
		To     string         `json:"to_name"`
		Width  int            `json:"original_width,omitempty"`
		Height int            `json:"original_height,omitempty"`
		Score  float32        `json:"score,omitempty"`
		Value  map[string]any `json:"value"` // coordinates in percent
	}
)

func createLabelStudio(path string, o *Options) (Sink, error) {
	f, err := createFolder(path)
	if err != nil {
		return nil, err
	}
	tasks, err := newSpool(f.temp + "/tasks")
	if err != nil {
		f.Close()
		return nil, err
	}
	_, err = tasks.WriteString("[")
	return &studioSink{folder: f, o: o, tasks: tasks, labels: newLabels(o)}, err
}

// Add makes a task of a picture, and one prediction of all its answers: Label Studio shows
// predictions one at a time. Pictures that were not read have no size for the coordinates.
func (s *studioSink) Add(ctx context.Context, p *Picture) error {
	if p.Size == (image.Point{}) {
		return nil
	}
	var task studioTask
	task.Data.Image = p.Name
	if s.o.URL != nil {
		task.Data.Image = s.o.URL(p.Name)
	}
	prediction := studioPrediction{Score: 1, Result: []studioResult{}}
	var texts []string
	for _, a := range p.Answers {
		task.Data.Prompts = append(task.Data.Prompts, a.Record.Prompt)
		if a.Record.Error != nil {
			continue
		}
		prediction.Model = a.Record.Model
		if len(a.Record.Objects) == 0 {
			texts = append(texts, a.Record.Text)
		}
		for _, o := range a.Objects {
			r, err := s.result(ctx, p, o)
			if err != nil {
				return err
			}
			prediction.Score = min(prediction.Score, o.Score)
			prediction.Result = append(prediction.Result, r)
		}
	}
	if texts != nil {
		prediction.Result = append(prediction.Result, studioResult{ID: "text", Type: "textarea", From: "answer", To: "image",
			Value: map[string]any{"text": texts}})
	}
	task.Predictions = []studioPrediction{prediction}
	data, err := json.MarshalIndent(task, "", " ")
	if err != nil {
		return err
	}
	if s.n++; s.n > 1 {
		s.tasks.WriteByte(',')
	}
	s.tasks.WriteByte('\n')
	_, err = s.tasks.Write(data)
	return err
}

// result returns an object: a rectangle, or a polygon if it has a mask.
func (s *studioSink) result(ctx context.Context, p *Picture, o Object) (studioResult, error) {
	s.objects++
	name := s.labels.name(o.Label)
	r := studioResult{ID: fmt.Sprintf("object%d", s.objects), To: "image", Width: p.Size.X, Height: p.Size.Y, Score: o.Score}
	polygon, err := o.outline(ctx)
	if err != nil {
		return r, err
	}
	if polygon == nil {
		b := o.Box
		r.Type, r.From = "rectanglelabels", "box"
		r.Value = map[string]any{"x": percent(b.X0), "y": percent(b.Y0), "width": percent(b.X1 - b.X0), "height": percent(b.Y1 - b.Y0),
			"rotation": 0, "rectanglelabels": []string{name}}
		return r, nil
	}
	var points [][2]float64
	for _, q := range polygon {
		points = append(points, [2]float64{percent(float64(q[0]) / float64(p.Size.X)), percent(float64(q[1]) / float64(p.Size.Y))})
	}
	r.Type, r.From = "polygonlabels", "polygon"
	r.Value = map[string]any{"points": points, "closed": true, "polygonlabels": []string{name}}
	return r, nil
}

// percent returns a fraction in percent, with four decimals.
func percent(f float64) float64 { return cents(f*10_000) / 100 }

// Finish writes the labelling interface last: it lists the labels of all tasks.
func (s *studioSink) Finish() error {
	err := s.write("tasks.json", func(w io.Writer) error {
		s.tasks.WriteString("\n]\n")
		return s.tasks.copyTo(w)
	})
	if err != nil {
		return err
	}
	if err := s.tasks.Close(); err != nil { // it lies in the folder
		return err
	}
	if err := s.write("config.xml", s.config); err != nil {
		return err
	}
	return s.folder.Finish()
}

// config writes the labelling interface.
func (s *studioSink) config(w io.Writer) error {
	type label struct {
		Value string `xml:"value,attr"`
	}
	type control struct {
		Name   string  `xml:"name,attr"`
		To     string  `xml:"toName,attr"`
		Labels []label `xml:"Label"`
	}
	view := struct {
		XMLName xml.Name `xml:"View"`
		Image   struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
			Zoom  bool   `xml:"zoom,attr"`
		}
		Boxes    *control `xml:"RectangleLabels"`
		Polygons *control `xml:"PolygonLabels"`
		Answer   struct {
			Name     string `xml:"name,attr"`
			To       string `xml:"toName,attr"`
			Editable bool   `xml:"editable,attr"`
		} `xml:"TextArea"`
	}{}
	view.Image.Name, view.Image.Value, view.Image.Zoom = "image", "$image", true
	view.Answer.Name, view.Answer.To, view.Answer.Editable = "answer", "image", true
	var all []label
	for _, name := range s.labels.names {
		all = append(all, label{name})
	}
	if all != nil {
		view.Boxes, view.Polygons = &control{"box", "image", all}, &control{"polygon", "image", all}
	}
	out := xml.NewEncoder(w)
	out.Indent("", "  ")
	return out.Encode(view)
}

// Close removes what is not complete.
func (s *studioSink) Close() error {
	s.tasks.Close()
	return s.folder.Close()
}
