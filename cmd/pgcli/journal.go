package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/eval"
	"github.com/pgcli/paligemma/internal/legible"
)

// answerFlags are the flags of pgcli eval that its answers, or their measures, may
// depend on.
var answerFlags = []string{"limit", "predict", "grammar", "device", "gpu-layers", "kernels", "precise", "cache-type", "ctx-size", "loc-scale", "max-pixels", "engine"}

// openJournal opens the journal of --out; it returns nil without that flag.
func openJournal(c *cli.Context, set *eval.DataSet) (*eval.Journal, error) {
	path := c.Path("out")
	if path == "" {
		return nil, nil
	}
	if err := standardOutput("--out", path); err != nil {
		return nil, err
	}
	model, projector := c.Path("model"), c.Path("mmproj")
	if model != "" && projector == "" {
		projector, _ = flags.Projector(c.Context, model) // "" for a whole model
	}
	settings := []eval.Setting{{Name: "version of pgcli", Value: flags.Version()}}
	for _, file := range []struct{ name, path string }{{"data set", c.Args().First()}, {"model", model}, {"vision tower", projector}} {
		sum, err := flags.HashFile(c.Context, file.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
		settings = append(settings, eval.Setting{Name: file.name, Value: sum})
	}
	for _, name := range answerFlags {
		settings = append(settings, eval.Setting{Name: flags.Dashed(name), Value: fmt.Sprint(c.Value(name))})
	}
	j, err := eval.OpenJournal(c.Context, path, c.Bool("force"), set, settings, append(modelInputs(c), projector)...)
	if err == nil && j.Earlier() > 0 {
		tell(c.App.ErrWriter, "going on after %s in %s", legible.Count(j.Earlier(), "answer"), j.Path())
	}
	return j, withHint(err)
}

// closeJournal writes the file of --out if the run is complete, and else says where
// the answers are.
func closeJournal(c *cli.Context, j *eval.Journal, whole bool) error {
	switch {
	case j == nil:
		return nil
	case whole:
		return j.Finish(c.Context)
	case j.Len() > 0:
		tell(c.App.ErrWriter, "answers so far are in %s; the same command goes on from there", j.Path())
	}
	return j.Close()
}
