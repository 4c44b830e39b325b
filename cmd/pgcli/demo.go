package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/legible"
)

// demoFiles holds the page's template, and the pictures and prompts that
// scripts/tiny/demo.py wrote.
//
//go:embed demo
var demoFiles embed.FS

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:      "demo",
		Usage:     "make a gallery: a page of pictures, prompts, answers, boxes and masks",
		ArgsUsage: "[IMAGE...]",
		Description: `Asks a model about a few pictures and writes DIR/index.html, one file that any
browser shows, offline. Without an IMAGE the pictures are drawn scenes inside the
program; the embedded model was not trained on them.

Examples:
  pgcli demo -o gallery
  pgcli demo -o gallery photo.jpg -p "caption en" -p "segment cat" -m mix.gguf`,
		Flags: slices.Concat([]cli.Flag{modelFlag(),
			&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "`folder` to write index.html to (required)"},
			&cli.BoolFlag{Name: "force", Usage: "replace index.html if it exists"},
		}, flags.PromptFlags(), grouped(groupSampling, flags.SamplingFlags("on")), modelFlags()),
		OnUsageError: wrongFlag,
		Action:       demoAction,
	}
}

// An exhibit is a picture of the gallery and the prompts about it.
type exhibit struct {
	name string
	file []byte // the picture's, encoded
	asks []ask
}

// An ask is a prompt, with the right answer if it is known.
type ask struct {
	Prompt   paligemma.Prompt `json:"prompt"`
	Expected string           `json:"expected"` // "" if not known
}

// demoAction checks arguments, flags and the output before it opens the model.
func demoAction(c *cli.Context) error {
	dir := c.Path("output")
	if dir == "" {
		return usagef("no output: give a folder with -o DIR")
	}
	if err := standardOutput("-o", dir); err != nil {
		return err
	}
	exhibits, err := exhibits(c)
	if err != nil {
		return err
	}
	sm, err := flags.Sampling(c)
	if err != nil {
		return err
	}
	if _, err := flags.Grammar(c, ""); err != nil {
		return err
	}
	page := filepath.Join(dir, "index.html")
	if err := mayWrite(c, page, c.Args().Slice()); err != nil {
		return err
	}
	model, err := openModel(c)
	if err != nil {
		return err
	}
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	g := newGallery(c, model)
	for _, e := range exhibits {
		if err := g.add(c, model, session, e, *sm); err != nil {
			return fmt.Errorf("picture %s: %w", e.name, err)
		}
	}
	if err := save(c, page, g.write); err != nil {
		return err
	}
	tell(c.App.ErrWriter, "wrote %s: %s, %s in %s", page, legible.Count(len(g.Cards), "picture"), legible.Count(g.Answers, "answer"), g.Took())
	return nil
}

// exhibits returns the pictures that the arguments name, or those inside the
// program.
func exhibits(c *cli.Context) ([]exhibit, error) {
	prompts, err := flags.Prompts(c, nil, 1)
	if err != nil {
		return nil, err
	}
	var asks []ask
	for _, p := range prompts {
		asks = append(asks, ask{Prompt: p})
	}
	if !c.Args().Present() {
		return scenes(asks)
	}
	if asks == nil {
		asks = []ask{{Prompt: paligemma.Caption("en")}, {Prompt: paligemma.OCR()}}
	}
	var all []exhibit
	for _, path := range c.Args().Slice() {
		file, err := readPicture(c, path)
		if err != nil {
			return nil, fmt.Errorf("picture %s: %w", path, err)
		}
		all = append(all, exhibit{filepath.Base(path), file, asks})
	}
	return all, nil
}

// maxPictureFile bounds the file of a picture, which a page holds whole.
const maxPictureFile = 256 << 20

// readPicture returns the file of a picture; "-" stands for standard input. The error
// does not name the file.
func readPicture(c *cli.Context, path string) ([]byte, error) {
	if path == "-" {
		return infile.ReadAll(infile.Reader(c.Context, c.App.Reader), 0, maxPictureFile)
	}
	f, err := infile.OpenStream(c.Context, path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	return infile.ReadAll(infile.Checked(c.Context, f), 0, maxPictureFile)
}

// scenes returns the pictures inside the program, with asks, or with their own if
// asks is nil.
func scenes(asks []ask) ([]exhibit, error) {
	data, err := demoFiles.ReadFile("demo/scenes.json")
	if err != nil {
		return nil, err
	}
	var list []struct {
		Image string `json:"image"`
		Asks  []ask  `json:"asks"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("demo/scenes.json: %w", err)
	}
	var all []exhibit
	for _, s := range list {
		file, err := demoFiles.ReadFile(path.Join("demo", s.Image))
		if err != nil {
			return nil, err
		}
		if asks != nil {
			s.Asks = asks
		}
		all = append(all, exhibit{s.Image, file, s.Asks})
	}
	return all, nil
}
