package server

import (
	"context"
	"image"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pgcli/paligemma"
)

// A detectRequest is a request to /v1/detect or /v1/segment.
type detectRequest struct {
	pictured
	choosing
	Labels     []string `json:"labels"`      // things to find
	PerLabel   bool     `json:"per_label"`   // one prompt for each label, over one encoded picture
	Threshold  float32  `json:"threshold"`   // objects with a lower score are left out
	MaxObjects int      `json:"max_objects"` // those with the highest scores; 0 means all
	Masks      maskForm `json:"masks"`
	Format     string   `json:"format"`   // pgcli, roboflow, coco or hf
	ImageID    string   `json:"image_id"` // of COCO's form
	Tokens     bool     `json:"tokens"`   // answers have their tokens

	Parameters struct { // of Hugging Face's clients
		Threshold *float32 `json:"threshold"`
		Labels    []string `json:"candidate_labels"`
	} `json:"parameters"`
}

// A detection is what was found in a picture.
type detection struct {
	*detectRequest
	segments bool
	size     image.Point
	answers  []*answer
	objects  []found // with masks of the form that was asked for
	problems []paligemma.Problem
	took     time.Duration
}

// detect answers /v1/detect: boxes. The models answer a detect prompt without masks,
// whatever the field masks asks for. detectRequest has the fields, and formats the forms
// of answers. Errors are 400 and name the field.
func (s *Server) detect(w http.ResponseWriter, r *http.Request) error {
	return s.find(w, r, &detection{detectRequest: &detectRequest{Masks: masksNone}}, paligemma.Detect)
}

// segment answers /v1/segment: boxes and masks, as RLE unless other forms are asked for.
// It is detect otherwise. Objects of a model without a mask decoder (/props has masks:
// false) have the codes of their masks alone.
func (s *Server) segment(w http.ResponseWriter, r *http.Request) error {
	return s.find(w, r, &detection{detectRequest: &detectRequest{Masks: masksRLE}, segments: true}, paligemma.Segment)
}

// find answers a request for objects. prompt spells the prompt of labels: one for all of
// them, or with per_label one for each, as the models were mostly trained, which takes as
// many times longer; the picture is encoded once.
func (s *Server) find(w http.ResponseWriter, r *http.Request, d *detection, prompt func(...string) paligemma.Prompt) error {
	start := time.Now()
	file, err := s.readTask(w, r, d.detectRequest)
	if err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	prompts := []paligemma.Prompt{prompt(d.Labels...)}
	if d.PerLabel {
		prompts = nil
		for _, label := range d.Labels {
			prompts = append(prompts, prompt(label))
		}
	}
	if err := s.findAll(r.Context(), d, file, prompts); err != nil {
		return err
	}
	d.took = time.Since(start)
	return writeJSON(w, http.StatusOK, formats[d.Format](s, d))
}

// check refuses a request that cannot be answered, and fills in defaults. A label has to
// be one that a prompt can hold: with a ; in it the model would look for two things.
func (d *detection) check() error {
	switch {
	case d.Labels != nil && d.Parameters.Labels != nil:
		return wrong("labels", "labels and parameters.candidate_labels are both given, want one of them")
	case d.Threshold != 0 && d.Parameters.Threshold != nil:
		return wrong("threshold", "threshold and parameters.threshold are both given, want one of them")
	}
	set(&d.Threshold, d.Parameters.Threshold)
	if d.Parameters.Labels != nil {
		d.Labels = d.Parameters.Labels
	}
	if d.Format == "" {
		d.Format = "pgcli"
	}
	if _, known := formats[d.Format]; !known {
		return wrong("format", "format is %.40q, want pgcli, roboflow, coco or hf", d.Format)
	}
	switch {
	case len(d.Labels) == 0 || len(d.Labels) > mostNames:
		return wrong("labels", "%d labels, want 1 to %d things to find", len(d.Labels), mostNames)
	case !(d.Threshold >= 0 && d.Threshold <= 1):
		return wrong("threshold", "threshold is %v, want 0 to 1", d.Threshold)
	case d.MaxObjects < 0:
		return wrong("max_objects", "max_objects is %d, want 0 for all, or more", d.MaxObjects)
	}
	for i, label := range d.Labels {
		d.Labels[i] = strings.TrimSpace(label)
	}
	if _, err := paligemma.Detect(d.Labels...).Read(); err != nil {
		return &failure{status: http.StatusBadRequest, err: err, param: "labels"}
	}
	return d.Masks.check("masks")
}

// findAll asks all prompts about a picture, one after the other in one slot, and fills in
// size, answers, objects and problems. The time of encoding is the first answer's.
func (s *Server) findAll(ctx context.Context, d *detection, file []byte, prompts []paligemma.Prompt) error {
	sampling, err := s.sampling(d.choosing)
	if err != nil {
		return err
	}
	return s.compute(ctx, func(h *held) error {
		images, took, err := h.encode(ctx, [][]byte{file})
		if err != nil {
			return err
		}
		d.size = images[0].Bounds().Size()
		for i, p := range prompts {
			a, err := h.ask(ctx, question{images: images, prompt: p, sampling: sampling, masks: d.form(), least: d.Threshold}, nil, nil)
			if err != nil {
				return err
			}
			if i == 0 {
				a.Timings.Encode = took
			}
			d.answers = append(d.answers, a)
			d.problems = append(d.problems, a.Problems...)
		}
		d.keep()
		return nil
	})
}

// keep chooses among the objects of all answers, in their order: the max_objects with the
// highest scores. Of equal scores the first are kept.
func (d *detection) keep() {
	var scores []float32
	for i, a := range d.answers {
		for _, o := range a.found {
			o.answer = i
			d.objects, scores = append(d.objects, o), append(scores, o.Score)
		}
	}
	if d.MaxObjects == 0 || d.MaxObjects >= len(scores) {
		return
	}
	slices.Sort(scores)
	slices.Reverse(scores)
	least, equals := scores[d.MaxObjects-1], 0 // equals of the lowest score that is kept
	for _, v := range scores[:d.MaxObjects] {
		if v == least {
			equals++
		}
	}
	d.objects = slices.DeleteFunc(d.objects, func(o found) bool {
		if o.Score == least {
			equals--
			return equals < 0
		}
		return o.Score < least
	})
}

// form returns the form of masks that an answer in the format of the request has.
func (d *detection) form() maskForm {
	switch {
	case d.Masks == masksNone || d.Format == "pgcli":
		return d.Masks
	case d.Format == "hf":
		return masksWhole
	case d.Format == "roboflow" && d.Masks == masksPolygon:
		return masksPolygon
	}
	return masksRLE
}
