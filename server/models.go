package server

import (
	_ "embed"
	"fmt"
	"net/http"
)

//go:embed openapi.yaml
var openAPI []byte

// openAPI answers /openapi.yaml, the description of all paths (OpenAPI 3).
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	_, err := w.Write(openAPI)
	return err
}

// health says whether requests are admitted: 200, or 503 while the server drains, so that
// a balancer sends no more. It needs no key. Label Studio asks it, too, and shows
// model_class.
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	if err := s.queue.open(); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "model_class": "PaliGemma"})
}

// A modelObject is a model in OpenAI's API, with llama-server's extensions.
type modelObject struct {
	ID           string       `json:"id"`
	Object       string       `json:"object"`
	Created      int64        `json:"created"`
	OwnedBy      string       `json:"owned_by"`
	Architecture architecture `json:"architecture"`
	Meta         modelMeta    `json:"meta"`
}

// architecture is what a model reads and writes, in llama-server's words.
type architecture struct {
	Input  []string `json:"input_modalities"`
	Output []string `json:"output_modalities"`
}

// modelMeta has llama-server's names for a model's sizes.
type modelMeta struct {
	Vocabulary int `json:"n_vocab"`
	Context    int `json:"n_ctx_train"`
	Width      int `json:"n_embd"`
}

// modelObject describes the model that is served.
func (s *Server) modelObject() modelObject {
	c := s.model.Config()
	return modelObject{s.opts.Name, "model", s.started.Unix(), "pgcli", architecture{[]string{"text", "image"}, []string{"text"}}, modelMeta{c.Vocabulary, c.Context, c.Width}}
}

// listModels answers /v1/models: the one model, as a list.
func (s *Server) listModels(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": []modelObject{s.modelObject()}})
}

// showModel answers /v1/models/{model}, and 404 for another model's name.
func (s *Server) showModel(w http.ResponseWriter, r *http.Request) error {
	if err := s.checkModel(r.PathValue("model")); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.modelObject())
}

// checkModel refuses a request for another model, with 404 and the name that is served: an
// answer of this one would pass for the other's. "" is any.
func (s *Server) checkModel(name string) error {
	if name != "" && name != s.opts.Name {
		return &failure{status: http.StatusNotFound, param: "model", err: fmt.Errorf("model %.100q is not served: want %q", name, s.opts.Name)}
	}
	return nil
}

// properties are what /props tells, with llama-server's names as far as it has them.
type properties struct {
	Defaults   generation      `json:"default_generation_settings"`
	Slots      int             `json:"total_slots"`
	ModelPath  string          `json:"model_path"` // the model's name: no path of this machine
	Template   string          `json:"chat_template"`
	Modalities map[string]bool `json:"modalities"`
	Build      string          `json:"build_info"`
	PaliGemma  modelFacts      `json:"paligemma"`
}

// generation is what applies to requests that do not say otherwise.
type generation struct {
	Context     int     `json:"n_ctx"` // tokens of pictures, prompt and answer together
	MaxTokens   int     `json:"n_predict"`
	Temperature float32 `json:"temperature"`
}

// modelFacts are about the model, and limits of the server: an extension.
type modelFacts struct {
	Family      string `json:"family"`
	ImageSize   int    `json:"image_size"`   // side of the square that pictures are stretched to, in pixels
	ImageTokens int    `json:"image_tokens"` // soft tokens of a picture
	Context     int    `json:"context"`      // tokens that it was trained for
	Vocabulary  int    `json:"vocabulary"`
	Masks       bool   `json:"masks"` // whether masks can be decoded
	Queue       int    `json:"queue"`
	MaxBody     int64  `json:"max_body"`
}

// props answers /props, which llama-server's clients ask for what a model can.
func (s *Server) props(w http.ResponseWriter, r *http.Request) error {
	c := s.model.Config()
	return writeJSON(w, http.StatusOK, properties{
		Defaults: generation{c.Session, s.opts.MaxTokens, 0}, Slots: s.opts.Parallel, ModelPath: s.opts.Name,
		Modalities: map[string]bool{"vision": true, "audio": false}, Build: s.opts.Version,
		PaliGemma: modelFacts{c.Family, c.ImageSize, c.ImageTokens, c.Context, c.Vocabulary, c.Masks, s.opts.Queue, s.opts.MaxBody},
	})
}
