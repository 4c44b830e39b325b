package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"net/http"

	"github.com/pgcli/paligemma"
)

// Label Studio's ML backend (HumanSignal/label-studio-ml-backend, api.py). Results are
// in percent of the picture.
type (
	studioRequest struct {
		Tasks  []studioTask `json:"tasks"`
		Config string       `json:"label_config"`
	}
	studioTask struct {
		ID   json.RawMessage `json:"id"`
		Data map[string]any  `json:"data"`
	}
	studioPrediction struct {
		Version string         `json:"model_version"`
		Score   float32        `json:"score"` // the mean of the results'
		Result  []studioResult `json:"result"`
	}
	studioResult struct {
		ID       string         `json:"id"`
		From     string         `json:"from_name"`
		To       string         `json:"to_name"`
		Type     string         `json:"type"`
		Score    float32        `json:"score"`
		Width    int            `json:"original_width"`
		Height   int            `json:"original_height"`
		Rotation int            `json:"image_rotation"`
		Value    map[string]any `json:"value"`
	}
)

// studioSetup checks the configuration of a project. Nothing is kept: each request
// to predict has its configuration.
func (s *Server) studioSetup(w http.ResponseWriter, r *http.Request) error {
	var request struct {
		Schema string `json:"schema"`
	}
	if err := s.readJSON(w, r, &request); err != nil {
		return err
	}
	if request.Schema != "" {
		if _, err := labellings(request.Schema); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, map[string]string{"model_version": s.opts.Name})
}

// studioWebhook takes news of annotations, which change nothing: the model does not learn.
// 201 is the status of Label Studio's own backends.
func (s *Server) studioWebhook(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.readBody(w, r); err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, map[string]string{"result": "ignored"})
}

// studioPredict labels the pictures of tasks: a prediction for each, in their order, with
// results of each control. All of them are one request of the queue, and take a slot for
// each control in turn. An error about one task is the whole answer: a prediction has no
// place for it.
func (s *Server) studioPredict(w http.ResponseWriter, r *http.Request) error {
	var request studioRequest
	if err := s.readJSON(w, r, &request); err != nil {
		return err
	}
	controls, err := labellings(request.Config)
	if err != nil {
		return err
	}
	if n := len(request.Tasks); n == 0 || n > mostNames {
		return wrong("tasks", "%d tasks, want 1 to %d", n, mostNames)
	}
	results := []studioPrediction{}
	for i, task := range request.Tasks {
		p := studioPrediction{Version: s.opts.Name, Result: []studioResult{}}
		for _, l := range controls {
			if err := s.label(r.Context(), l, fmt.Sprintf("tasks[%d].data.%s", i, l.key), task, &p); err != nil {
				return err
			}
		}
		for _, result := range p.Result {
			p.Score += result.Score / float32(len(p.Result))
		}
		results = append(results, p)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"results": results})
}

// label adds the results of a control to a prediction. param names the task's picture.
func (s *Server) label(ctx context.Context, l *labelling, param string, task studioTask, p *studioPrediction) error {
	source, ok := task.Data[l.key].(string)
	if !ok {
		return wrong(param, "%s is missing: want the URL of a picture, or a data URI", param)
	}
	file, err := s.sources.studio(ctx, param, source)
	if err != nil {
		return err
	}
	prompt, masks := paligemma.Detect(l.things...), masksNone
	switch l.kind {
	case kindText, kindChoices:
		return s.say(ctx, l, file, p)
	case kindPolygons:
		prompt, masks = paligemma.Segment(l.things...), masksPolygon
	}
	d := &detection{detectRequest: &detectRequest{Labels: l.things, Masks: masks, Format: "pgcli"}}
	if err := s.findAll(ctx, d, file, []paligemma.Prompt{prompt}); err != nil {
		return err
	}
	for _, o := range d.objects {
		if value := l.value(o, d); value != nil {
			p.Result = append(p.Result, l.result(o.Score, d.size, value))
		}
	}
	return nil
}

// say adds the text, or the most likely choice, that answers a control's prompt. The score
// is the choice's probability, or of a text its certainty.
func (s *Server) say(ctx context.Context, l *labelling, file []byte, p *studioPrediction) error {
	return s.compute(ctx, func(h *held) error {
		images, _, err := h.encode(ctx, [][]byte{file})
		if err != nil {
			return err
		}
		size := images[0].Bounds().Size()
		if l.kind == kindChoices {
			list, err := h.choose(ctx, images, l.prompt, l.things)
			if err != nil {
				return err
			}
			best := mostProbable(list)
			p.Result = append(p.Result, l.result(float32(best.Probability), size, map[string]any{l.kind: []string{l.label[best.Text]}}))
			return nil
		}
		q := question{images: images, prompt: l.prompt}
		if q.sampling, err = s.sampling(choosing{}); err != nil {
			return err
		}
		a, err := h.ask(ctx, q, nil, nil)
		if err != nil {
			return err
		}
		p.Result = append(p.Result, l.result(a.certainty(), size, map[string]any{"text": []string{a.Text}}))
		return nil
	})
}

// certainty is the probability of an answer's tokens, the geometric mean.
func (a *answer) certainty() float32 {
	sum := 0.0
	for _, t := range a.Tokens {
		sum += float64(t.LogProb)
	}
	return float32(math.Exp(sum / float64(max(1, len(a.Tokens)))))
}

// result returns a result about a picture of a size in pixels. Its id has to differ from
// those of all others on the annotator's screen, so it is random.
func (l *labelling) result(score float32, size image.Point, value map[string]any) studioResult {
	return studioResult{ID: rand.Text()[:10], From: l.name, To: l.to, Type: l.kind, Score: score, Width: size.X, Height: size.Y, Value: value}
}

// value returns the value of a result: a box, or the largest outline of a mask, in percent
// of the picture's width and height, x and y from its upper left corner. It is nil for a
// polygon of an object without a mask.
func (l *labelling) value(o found, d *detection) map[string]any {
	label := l.label[o.Label]
	if label == "" {
		label = o.Label
	}
	if l.kind == kindBoxes {
		return map[string]any{l.kind: []string{label}, "x": 100 * o.Box.X0, "y": 100 * o.Box.Y0,
			"width": 100 * (o.Box.X1 - o.Box.X0), "height": 100 * (o.Box.Y1 - o.Box.Y0), "rotation": 0}
	}
	var points [][2]float64
	var outlines [][][2]float32
	if o.mask != nil {
		outlines = o.mask.Polygons
	}
	for _, at := range largest(outlines) {
		points = append(points, [2]float64{100 * float64(at[0]) / float64(d.size.X), 100 * float64(at[1]) / float64(d.size.Y)})
	}
	if points == nil {
		return nil
	}
	return map[string]any{l.kind: []string{label}, "points": points, "closed": true}
}
