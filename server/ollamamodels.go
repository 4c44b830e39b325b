package server

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Models in ollama's API.
type (
	ollamaModel struct {
		Name       string        `json:"name"`
		Model      string        `json:"model"`
		ModifiedAt time.Time     `json:"modified_at"`
		Size       int           `json:"size"` // bytes of the weights in memory
		Digest     string        `json:"digest"`
		Details    ollamaDetails `json:"details"`
	}
	// An ollamaLoaded is a model of /api/ps.
	ollamaLoaded struct {
		ollamaModel
		Expires time.Time `json:"expires_at"`
		Context int       `json:"context_length"`
	}
	ollamaDetails struct {
		Parent       string   `json:"parent_model"`
		Format       string   `json:"format"`
		Family       string   `json:"family"`
		Families     []string `json:"families"`
		Parameters   string   `json:"parameter_size"`
		Quantization string   `json:"quantization_level"`
	}
	ollamaShown struct {
		Modelfile    string         `json:"modelfile"`
		Parameters   string         `json:"parameters"`
		Template     string         `json:"template"`
		Details      ollamaDetails  `json:"details"`
		ModelInfo    map[string]any `json:"model_info"`
		Capabilities []string       `json:"capabilities"`
		ModifiedAt   time.Time      `json:"modified_at"`
	}
)

// checkOllamaModel refuses a request for another model; a name may end in ":latest".
func (s *Server) checkOllamaModel(name string) error {
	if name == "" {
		return wrong("model", "model is required")
	}
	if err := s.checkModel(strings.TrimSuffix(name, ":latest")); err != nil && s.checkModel(name) != nil {
		return err
	}
	return nil
}

// ollamaRelease is the release of ollama whose API is answered: the first with logprobs,
// the newest of the fields that are honoured.
const ollamaRelease = "0.12.11"

// ollamaVersion answers /api/version with the release of ollama that clients may take the
// API for, and not this program's version, which /props tells: they compare it with the
// release that they need, and read three numbers with dots between them. VS Code, which
// wants 0.6.4, and Open WebUI fail at "(devel)" or "v1.0.0+dirty".
func (s *Server) ollamaVersion(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]string{"version": ollamaRelease})
}

// ollamaTags answers /api/tags: which models there are. Tools fill their menus with it.
func (s *Server) ollamaTags(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string][]ollamaModel{"models": {s.ollamaModel()}})
}

// ollamaRunning answers /api/ps, which models are in memory: the one, for good, with an end
// that ollama has for models that never leave.
func (s *Server) ollamaRunning(w http.ResponseWriter, r *http.Request) error {
	running := ollamaLoaded{s.ollamaModel(), time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), s.model.Config().Session}
	return writeJSON(w, http.StatusOK, map[string][]ollamaLoaded{"models": {running}})
}

// ollamaModel describes the model. Its digest is of its name, as the file is not read again.
func (s *Server) ollamaModel() ollamaModel {
	digest := sha256.Sum256([]byte(s.opts.Name))
	return ollamaModel{s.opts.Name, s.opts.Name, s.started.UTC(), s.model.Config().WeightBytes, fmt.Sprintf("%x", digest), s.ollamaDetails()}
}

// ollamaDetails describes the model's family and weights. Families are the towers': tools
// that know no capabilities look among them for one that sees.
func (s *Server) ollamaDetails() ollamaDetails {
	c := s.model.Config()
	return ollamaDetails{Format: "gguf", Family: c.Family, Families: []string{c.Family, "siglip"},
		Parameters: shortNumber(c.Parameters), Quantization: c.WeightType}
}

// shortNumber spells a number of parameters as ollama does: 2.9B, 10.45M.
func shortNumber(n int) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1fB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.2fM", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0fK", float64(n)/1e3)
}

// ollamaShow answers /api/show. Tools read from the capabilities that it takes pictures.
func (s *Server) ollamaShow(w http.ResponseWriter, r *http.Request) error {
	var request struct {
		Model string `json:"model"`
		Name  string `json:"name"` // as older clients have it
	}
	if err := s.readJSON(w, r, &request); err != nil {
		return err
	}
	defaults(&request.Model, request.Name)
	if err := s.checkOllamaModel(request.Model); err != nil {
		return err
	}
	c := s.model.Config()
	return writeJSON(w, http.StatusOK, ollamaShown{
		Template: "{{ .Prompt }}", Details: s.ollamaDetails(), Capabilities: []string{"completion", "vision"}, ModifiedAt: s.started.UTC(),
		ModelInfo: map[string]any{"general.architecture": c.Family, "general.parameter_count": c.Parameters, c.Family + ".context_length": c.Context, c.Family + ".embedding_length": c.Width, c.Family + ".block_count": c.Layers},
	})
}
