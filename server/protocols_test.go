package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
)

// TestOllama reads an answer as lines, and whole, as ollama's clients do.
func TestOllama(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	picture := base64.StdEncoding.EncodeToString(file)
	want := run(t, s.model, file, "caption en", nil)
	messages := []any{map[string]any{"role": "system", "content": "x"}, map[string]any{"role": "user", "content": "caption en", "images": []string{picture}}}
	for path, request := range map[string]map[string]any{
		"/api/generate": {"model": "tiny", "prompt": "caption en", "images": []string{picture}},
		"/api/chat":     {"model": "tiny:latest", "messages": messages},
	} {
		data, err := json.Marshal(request)
		must(t, err)
		w, body := s.send("POST", path, data)
		text, lines := "", strings.Split(strings.TrimSpace(string(body)), "\n")
		var part ollamaPart
		for i, line := range lines {
			part = ollamaPart{}
			must(t, json.Unmarshal([]byte(line), &part))
			if part.Message != nil {
				text += part.Message.Content
			} else {
				text += *part.Response
			}
			if part.Done != (i == len(lines)-1) || part.Model != "tiny" || part.CreatedAt.IsZero() {
				t.Errorf("%s: line %d: %s", path, i, line)
			}
		}
		if text != want.Text || part.Reason != "stop" || part.Generated != len(want.Tokens) || part.Total == 0 || w.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s: %q, %+v, want %q", path, text, part, want.Text)
		}
		request["stream"], request["options"] = false, map[string]any{"num_predict": 2, "num_ctx": 4096}
		part = ollamaPart{}
		s.post(path, request, 200, &part)
		if part.Reason != "length" || part.Generated != 2 {
			t.Errorf("%s: %+v, want 2 tokens", path, part)
		}
		request["model"] = "llama3"
		s.post(path, request, 404, nil)
		request["model"], request["format"] = "tiny", "json"
		var e struct{ Error string }
		if s.post(path, request, 400, &e); e.Error == "" {
			t.Errorf("%s: no error", path)
		}
	}
	var load ollamaPart
	if s.post("/api/generate", map[string]any{"model": "tiny"}, 200, &load); load.Reason != "load" {
		t.Errorf("an empty prompt: %+v", load)
	}
}

const config = `<View><Image name="img" value="$photo"/><Header value="x"/>
<RectangleLabels name="box" toName="img"><Label value="Cross" predicted_values="cross, plus"/><Label value="Circle"/></RectangleLabels>
<PolygonLabels name="line" toName="img"><Label value="Moon"/></PolygonLabels></View>`

// TestLabelStudio compares a prediction with the objects of the model alone.
func TestLabelStudio(t *testing.T) {
	file := scene(t, "05")
	studio := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Token secret" || r.URL.Path != "/data/upload/1.jpg" {
			http.NotFound(w, r)
			return
		}
		w.Write(file)
	}))
	defer studio.Close()
	s := serve(t, Options{LabelStudio: LabelStudio{studio.URL, "secret"}})
	var version struct {
		Version string `json:"model_version"`
	}
	if s.post("/setup", map[string]any{"project": "1.2", "schema": config, "hostname": "http://x"}, 200, &version); version.Version != "tiny" {
		t.Errorf("version %q", version.Version)
	}
	s.post("/webhook", map[string]any{"action": "ANNOTATION_CREATED"}, 201, nil)
	var got struct{ Results []studioPrediction }
	request := map[string]any{"label_config": config, "tasks": []any{
		map[string]any{"id": 1, "data": map[string]any{"photo": "/data/upload/1.jpg"}},
		map[string]any{"id": 2, "data": map[string]any{"photo": dataURI(file)}}}, "params": map[string]any{"context": nil}}
	s.post("/predict", request, 200, &got)
	boxes := run(t, s.model, file, paligemma.Detect("cross", "plus", "circle"), nil).Objects
	if len(got.Results) != 2 || len(boxes) == 0 || len(got.Results[0].Result) < len(boxes)+1 || len(got.Results[1].Result) != len(got.Results[0].Result) {
		t.Fatalf("results %+v", got.Results)
	}
	labels := map[string]string{"cross": "Cross", "plus": "Cross", "circle": "Circle"}
	for i, o := range boxes {
		r := got.Results[0].Result[i]
		v := r.Value
		if r.From != "box" || r.To != "img" || r.Type != "rectanglelabels" || r.Width != 336 || v["rectanglelabels"].([]any)[0] != labels[o.Label] ||
			math.Abs(v["x"].(float64)-100*o.Box.X0) > 1e-9 || math.Abs(v["x"].(float64)+v["width"].(float64)-100*o.Box.X1) > 1e-9 || math.Abs(v["height"].(float64)-100*(o.Box.Y1-o.Box.Y0)) > 1e-9 {
			t.Errorf("result %+v, want %+v", r, o)
		}
	}
	last := got.Results[0].Result[len(got.Results[0].Result)-1]
	if points := last.Value["points"].([]any); last.Type != "polygonlabels" || len(points) < 3 || last.Value["polygonlabels"].([]any)[0] != "Moon" {
		t.Errorf("polygon %+v", last)
	}
	for _, wrong := range []any{map[string]any{}, map[string]any{"label_config": "<View", "tasks": []any{1}}, map[string]any{"label_config": "<View/>"},
		map[string]any{"label_config": config, "tasks": []any{map[string]any{"data": map[string]any{"photo": "http://127.0.0.1:1/x"}}}},
		map[string]any{"label_config": config, "tasks": []any{map[string]any{"data": map[string]any{"photo": "/data/none"}}}},
		map[string]any{"label_config": config, "tasks": []any{map[string]any{"data": map[string]any{"photo": "s3://x/y"}}}}} {
		s.post("/predict", wrong, 400, nil)
	}
}

// TestDetectFormats: one picture in four forms, from JSON, a form and a bare file.
func TestDetectFormats(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	want := run(t, s.model, file, paligemma.Segment("cross", "moon"), nil).Objects
	body, kind := form(t, file, "labels", "cross,moon", "masks", "rle", "format", "pgcli")
	w, ours := s.send("POST", "/v1/segment", body, "Content-Type", kind)
	var all struct{ Objects []map[string]any }
	must(t, json.Unmarshal(ours, &all))
	if w.StatusCode != 200 || len(all.Objects) != len(want) || len(want) < 2 || all.Objects[0]["mask"].(map[string]any)["rle"] == nil {
		t.Fatalf("%d: %s", w.StatusCode, ours)
	}
	_, bare := s.send("POST", "/v1/segment?labels=cross,moon&format=roboflow&masks=polygon", file, "Content-Type", "image/jpeg")
	var robo roboflowAnswer
	must(t, json.Unmarshal(bare, &robo))
	for i, p := range robo.Predictions {
		b := want[i].Box
		if p.Class != want[i].Label || []string{"cross", "moon"}[p.ClassID] != p.Class || math.Abs(p.X-168*(b.X0+b.X1)) > 1e-9 || math.Abs(p.Width-336*(b.X1-b.X0)) > 1e-9 || p.Confidence != want[i].Score || len(p.Points) < 3 {
			t.Errorf("roboflow %+v, want %+v", p, want[i])
		}
	}
	var hf []hfObject
	s.post("/v1/segment?format=hf", map[string]any{"inputs": base64.StdEncoding.EncodeToString(file), "parameters": map[string]any{"candidate_labels": []string{"cross", "moon"}, "threshold": 0.1}}, 200, &hf)
	if len(hf) != len(want) || hf[0].Box.X0 != want[0].Pixels.Min.X || hf[0].Mask == "" || len(robo.Predictions) != len(want) {
		t.Errorf("hf %+v", hf)
	}
	var one struct {
		Objects []map[string]any
		Answers []any
	}
	s.post("/v1/detect", map[string]any{"image": dataURI(file), "labels": []string{"cross", "moon", "circle"}, "per_label": true, "max_objects": 1}, 200, &one)
	if len(one.Objects) != 1 || len(one.Answers) != 3 {
		t.Errorf("the best of three: %+v", one)
	}
	for _, wrong := range []map[string]any{{"labels": []string{"x"}}, {"image": dataURI(file)}, {"image": dataURI(file), "labels": []string{"a;b"}}, {"image": "file:///etc/passwd", "labels": []string{"x"}},
		{"image": "http://127.0.0.1/x.png", "labels": []string{"x"}}, {"image": dataURI(file), "labels": []string{"x"}, "treshold": 0.5}, {"image": dataURI(file), "labels": []string{"x"}, "format": "yolo"},
		{"image": dataURI(file), "labels": []string{"x"}, "inputs": "AAAA"}, {"image": dataURI(file), "labels": []string{"x"}, "parameters": map[string]any{"candidate_labels": []string{"y"}}},
		{"image": dataURI(file), "labels": []string{"x"}, "threshold": 0.5, "parameters": map[string]any{"threshold": 0.1}}} {
		s.post("/v1/detect", wrong, 400, nil)
	}
	if w, _ := s.send("POST", "/v1/detect?labels=x", bytes.Repeat([]byte{0}, 100), "Content-Type", "image/png"); w.StatusCode != 400 {
		t.Errorf("no picture: status %d", w.StatusCode)
	}
}
