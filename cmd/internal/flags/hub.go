package flags

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/legible"
)

// ModelVariable names a model for commands without -m.
const ModelVariable = "PALIGEMMA_MODEL"

// HubFlags name a model on the Hugging Face Hub. They have the names of llama.cpp's flags.
func HubFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "hf-repo", Aliases: []string{"hf", "hfr"}, Usage: "model on the Hugging Face Hub instead of -m: `USER/REPO[:TYPE][@REVISION]`; it is fetched once, and converted to TYPE (default: q4_k_m) as it arrives unless it has GGUF files"},
		&cli.StringFlag{Name: "hf-file", Aliases: []string{"hff"}, Usage: "GGUF `file` of the repository of -hf (default: the one of TYPE)"},
	}, HubAccessFlags()...)
}

// HubAccessFlags say how the Hub is asked.
func HubAccessFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "hf-token", Aliases: []string{"hft"}, Usage: "`token` of the Hugging Face Hub (default: HF_TOKEN, or the file of \"hf auth login\")"},
		&cli.BoolFlag{Name: "offline", Usage: "ask nothing of the Hugging Face Hub: use what its cache has"},
	}
}

// NewHub returns the Hub of environment and flags. It opens no connection.
func NewHub(c *cli.Context) (*hub.Hub, error) {
	home, noHome := os.UserHomeDir()
	h := hub.FromEnvironment(os.Getenv, home, func(path string) string {
		token, err := infile.Read(path, 1<<10)
		if err != nil {
			return ""
		}
		return string(token)
	})
	if h.Cache == "" {
		return nil, fmt.Errorf("the cache of the Hugging Face Hub has no place: %w; set HF_HOME to a folder", noHome)
	}
	h.Token = cmp.Or(hub.CleanToken(c.String("hf-token")), h.Token)
	h.Offline = h.Offline || c.Bool("offline")
	h.Notice = func(text string) { fmt.Fprintf(c.App.ErrWriter, "%s: %s\n", c.App.Name, legible.Text(text)) }
	if err := h.Check(); err != nil {
		return nil, UsageError{Err: err}
	}
	return h, nil
}

// HubName returns the name of the model that -hf gives; given is false without it.
func HubName(c *cli.Context) (n hub.Name, given bool, err error) {
	path, name := givenModel(c), c.String("hf-repo")
	switch {
	case name == "" && c.IsSet("hf-file"):
		return n, false, Usagef("-hff names a file of the repository of -hf: give that too")
	case name == "":
		return n, false, nil
	case path != "" && path != os.Getenv(ModelVariable):
		return n, false, Usagef("-m and -hf both name the model, want one of them")
	}
	if n, err = hub.ParseName(name); err != nil {
		return n, false, UsageError{Err: fmt.Errorf("-hf: %w", err)}
	}
	return n, true, nil
}

// givenModel returns what -m says, also where it may be given several times; "" without it.
func givenModel(c *cli.Context) string {
	if several, ok := c.Value("model").(cli.StringSlice); ok {
		return strings.Join(several.Value(), ",")
	}
	return c.Path("model")
}

// Snapshot finds a model, and names its licence when it is new to this machine. It stays
// in use until [Release].
func Snapshot(c *cli.Context, h *hub.Hub, n hub.Name) (*hub.Snapshot, error) {
	s, err := h.Snapshot(c.Context, n.Repo, n.Revision)
	if err != nil {
		return nil, err
	}
	Keep(c.App, s)
	if s.New && s.Licence != "" {
		h.Notice(fmt.Sprintf("%s has the licence %q, whose terms are at %s/%s", n.Repo, s.Licence, h.Endpoint, n.Repo))
	}
	return s, nil
}

// inUse is the key of the snapshots that a command uses.
const inUse = "snapshots in use"

// Keep closes a snapshot at [Release].
func Keep(app *cli.App, s *hub.Snapshot) {
	used, _ := app.Metadata[inUse].([]*hub.Snapshot)
	app.Metadata[inUse] = append(used, s)
}

// Release lets other processes remove what the command used. It is for the command's end.
func Release(app *cli.App) {
	used, _ := app.Metadata[inUse].([]*hub.Snapshot)
	for _, s := range used {
		s.Close()
	}
}

// FetchGGUF fetches the GGUF file of a model, and its vision tower if that is a file of its
// own, and gives them to -m and --mmproj. It returns "" if the repository has no GGUF file.
func FetchGGUF(c *cli.Context, s *hub.Snapshot, n hub.Name) (string, error) {
	text, projector, err := chooseGGUF(s.Files, n, c.String("hf-file"))
	if err != nil || text == nil {
		return "", err
	}
	paths, err := s.Get(c.Context, text...)
	if err != nil {
		return "", err
	}
	if projector != "" && c.Path("mmproj") == "" {
		found, err := s.Get(c.Context, projector)
		if err != nil {
			return "", err
		}
		if err := c.Set("mmproj", found[0]); err != nil {
			return "", err
		}
	}
	return paths[0], c.Set("model", paths[0]) // of several parts, the first stands for all
}
