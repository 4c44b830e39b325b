package server

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzBodies sends bodies to the routes that take one: each is answered, or refused as the
// client's fault, in well-formed JSON where the answer is JSON.
func FuzzBodies(f *testing.F) {
	var posts []string
	for _, r := range routes {
		if r.method == "POST" {
			posts = append(posts, r.path)
		}
	}
	image := dataURI(scene(f, "05"))
	for i, path := range posts {
		body, ok := map[string]string{
			"/v1/chat/completions": `{"model":"tiny","n":2,"stop":["a"],"logprobs":true,"top_logprobs":2,"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":[{"type":"text","text":"ocr"},{"type":"image_url","image_url":{"url":"IMAGE"}}]}]}`,
			"/v1/detect":           `{"image":"IMAGE","labels":["circle","cross"],"threshold":0.1,"format":"coco"}`,
			"/v1/segment":          `{"image":"IMAGE","labels":["circle"],"masks":"polygon","format":"roboflow"}`,
			"/v1/answer":           `{"image":"IMAGE","question":"what?","seed":1,"temperature":1}`,
			"/v1/choose":           `{"image":"IMAGE","prompt":"ocr","choices":["a","b"]}`,
			"/tokenize":            `{"content":"<loc0001> a\n"}`,
			"/detokenize":          `{"tokens":[1,2,257000]}`,
			"/api/show":            `{"model":"tiny","verbose":true}`,
			"/api/generate":        `{"model":"tiny","prompt":"ocr","images":["IMAGE"],"options":{"num_predict":2,"top_k":3}}`,
			"/api/chat":            `{"model":"tiny","messages":[{"role":"user","content":"ocr","images":["IMAGE"]}],"stream":false}`,
			"/setup":               `{"schema":"<View><Image name=\"i\" value=\"$image\"/><RectangleLabels name=\"l\" toName=\"i\"><Label value=\"a\"/></RectangleLabels></View>","project":"1"}`,
			"/predict":             `{"label_config":"<View><Image name=\"i\" value=\"$image\"/><BrushLabels name=\"l\" toName=\"i\"><Label value=\"a\"/></BrushLabels></View>","tasks":[{"id":1,"data":{"image":"IMAGE"}}]}`,
			"/webhook":             `{"action":"PROJECT_UPDATED"}`,
		}[path]
		if !ok {
			body = `{"image":"IMAGE"}`
		}
		f.Add(i, "application/json", []byte(strings.ReplaceAll(body, "IMAGE", image)))
	}
	picture, kind := form(f, scene(f, "05"), "labels", "circle")
	for i := range posts {
		f.Add(i, kind, picture)
	}
	s := serve(f, Options{Timeout: 10 * time.Second, MaxTokens: 8})
	f.Fuzz(func(t *testing.T, i int, contentType string, body []byte) {
		path := posts[uint(i)%uint(len(posts))]
		r := httptest.NewRequest("POST", path, bytes.NewReader(body))
		r.Host = s.web.Listener.Addr().String()
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		switch got := w.Result(); {
		case got.StatusCode >= 500:
			t.Errorf("%s with %q of %q: status %d: %.300s", path, body, contentType, got.StatusCode, w.Body)
		case strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()):
			t.Errorf("%s with %q of %q: no JSON: %.300q", path, body, contentType, w.Body)
		}
	})
}
