package server

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
)

// TestLabelStudioText: texts and choices are the model's own answers to the prompts of a
// configuration; those without a prompt are the annotator's, as are those of regions.
func TestLabelStudioText(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	const question = "answer en is there a pink star?"
	config := `<View><Image name="img" value="$photo"/>
<TextArea name="text" toName="img" model_prompt="caption en"/><TextArea name="notes" toName="img"/><TextArea name="each" toName="img" perRegion="true" model_prompt="ocr"/>
<Choices name="star" toName="img" choice="single" model_prompt="` + question + `"><Choice value="Yes"/><Choice value="No"/></Choices>
<Choices name="mood" toName="img"><Choice value="Good"/></Choices></View>`
	s.post("/setup", map[string]any{"schema": config}, 200, nil)
	var got struct{ Results []studioPrediction }
	request := map[string]any{"label_config": config, "tasks": []any{map[string]any{"data": map[string]any{"photo": dataURI(file)}}}}
	s.post("/predict", request, 200, &got)
	if len(got.Results) != 1 || len(got.Results[0].Result) != 2 {
		t.Fatalf("results %+v, want a text and a choice", got.Results)
	}
	text, choice := got.Results[0].Result[0], got.Results[0].Result[1]
	want := run(t, s.model, file, "caption en", nil)
	if list, _ := text.Value["text"].([]any); text.From != "text" || text.To != "img" || text.Type != "textarea" || len(list) != 1 || list[0] != want.Text || text.Width != 336 {
		t.Errorf("%+v, want the text %q", text, want.Text)
	}
	product := 1.0
	for _, token := range want.Tokens {
		product *= math.Exp(float64(token.LogProb))
	}
	if score := math.Pow(product, 1/float64(len(want.Tokens))); math.Abs(float64(text.Score)-score) > 1e-5 {
		t.Errorf("the text has score %v, want %v", text.Score, score)
	}
	session, err := s.model.NewSession()
	must(t, err)
	defer session.Close()
	images := encoded(t, s.model, file)
	must(t, session.Prefill(t.Context(), images, question))
	chosen, err := session.Choose(t.Context(), "yes", "no")
	must(t, err)
	best := map[bool]string{true: "Yes", false: "No"}[chosen[0].Probability > chosen[1].Probability]
	probability := max(chosen[0].Probability, chosen[1].Probability)
	if list, _ := choice.Value["choices"].([]any); choice.From != "star" || choice.Type != "choices" || len(list) != 1 || list[0] != best || math.Abs(float64(choice.Score)-probability) > 1e-6 {
		t.Errorf("%+v, want the choice %q of %v", choice, best, chosen)
	}
	for _, nothing := range []string{`<TextArea name="a" toName="img"/>`, `<Choices name="a" toName="img" model_prompt="ocr"/>`, `<BrushLabels name="a" toName="img"><Label value="x"/></BrushLabels>`} {
		request["label_config"] = `<View><Image name="img" value="$photo"/>` + nothing + `</View>`
		s.post("/predict", request, 400, nil)
	}
}

// TestLongConfigurations: a configuration longer than any project has is refused
// before it is read, however well-formed it is.
func TestLongConfigurations(t *testing.T) {
	s := serve(t, Options{})
	config := `<View><Image name="img" value="$photo"/><RectangleLabels name="b" toName="img"><Label value="cat"/></RectangleLabels></View>`
	for extra, want := range map[int]int{mostConfig - len(config): 200, mostConfig - len(config) + 1: 400} {
		long := config + strings.Repeat(" ", extra)
		if w, body := s.send("POST", "/setup", []byte(fmt.Sprintf(`{"schema":%q}`, long))); w.StatusCode != want || want == 400 && !strings.Contains(string(body), "want at most 1048576") {
			t.Errorf("a configuration of %d bytes: status %d, %.200s, want %d", len(long), w.StatusCode, body, want)
		}
	}
}

// encoded returns the soft tokens of a picture file, without the server.
func encoded(t *testing.T, m *paligemma.Model, file []byte) []*paligemma.Image {
	t.Helper()
	img, err := m.ReadImage(bytes.NewReader(file))
	must(t, err)
	image, err := m.Encode(t.Context(), img)
	must(t, err)
	return []*paligemma.Image{image}
}
