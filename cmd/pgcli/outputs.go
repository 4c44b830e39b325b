package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/gguf"
)

// modelInputs lists the files of the model that flags name, all parts of a split one.
func modelInputs(c *cli.Context) []string {
	return append(gguf.Parts(c.Path("model")), c.Path("model"), c.Path("mmproj"))
}

// standardOutput refuses an output of a flag that is standard output by one of its names: -,
// a device, or a link to what a process has open, as /dev/stdout is. A file gets its name
// when it is complete, so that a file named - would appear, or take the link's place.
func standardOutput(flag, path string) error {
	link, err := os.Readlink(path)
	if path == "-" || filepath.Dir(filepath.Clean(path)) == "/dev" || err == nil && strings.HasPrefix(link, "/proc/") {
		return usagef("%s is %s, want the name of a file or folder: it appears when it is complete", flag, path)
	}
	return nil
}
