package main

import (
	"bufio"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/image/font/sfnt"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/newfile"
	"github.com/pgcli/paligemma/internal/overlay"
)

// drawingFlags are the flags of every command that draws objects. several is the
// rule for several pictures, if the command takes them.
func drawingFlags(several string) []cli.Flag {
	return []cli.Flag{
		&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "draw the objects on the picture and write this .png or .jpg `file`" + several},
		&cli.PathFlag{Name: "svg", Usage: "write the picture and the objects to this .svg `file`" + several},
		&cli.PathFlag{Name: "font", Usage: "TrueType or OpenType `file` for the labels (default: Go Medium)"},
		&cli.BoolFlag{Name: "force", Usage: "replace files that exist"},
	}
}

// A drawing draws objects to the files that the flags name: none, one or two for
// each picture.
type drawing struct {
	style  overlay.Style
	raster []string // file of -o for each picture; nil without -o
	vector []string // file of --svg for each picture; nil without --svg
}

// newDrawing checks the files that the flags name, before the model computes.
func newDrawing(c *cli.Context, pictures []string) (*drawing, error) {
	d := &drawing{style: overlay.Style{Palette: &overlay.Palette{}}}
	var err error
	if d.raster, err = outputNames(c, "output", pictures, ".png", ".jpg", ".jpeg"); err != nil {
		return nil, err
	}
	if d.vector, err = outputNames(c, "svg", pictures, ".svg"); err != nil {
		return nil, err
	}
	if path := c.Path("font"); path != "" {
		if d.style.Font, err = readFont(path); err != nil {
			return nil, fmt.Errorf("font %s: %w", path, err)
		}
	}
	return d, nil
}

// used reports whether the flags name a file.
func (d *drawing) used() bool { return d.raster != nil || d.vector != nil }

// outputNames returns the file to write for each picture. For one picture, a flag
// names the file; for several, it names their folder, and the files in it have the
// first extension.
func outputNames(c *cli.Context, flag string, pictures []string, extensions ...string) ([]string, error) {
	out := c.Path(flag)
	if out == "" {
		return nil, nil
	}
	names := []string{out}
	switch ext := strings.ToLower(filepath.Ext(out)); {
	case len(pictures) == 0:
		return nil, usagef("--%s %s: no picture to draw on", flag, out)
	case len(pictures) > 1:
		if slices.Contains(extensions, ext) && !isDir(out) {
			return nil, usagef("--%s is %q, and there are %d pictures: want a folder, which gets a file for each", flag, out, len(pictures))
		}
		names = nil
		for _, p := range pictures {
			base := strings.TrimSuffix(filepath.Base(p), filepath.Ext(p))
			if p == "-" {
				base = "stdin"
			}
			names = append(names, filepath.Join(out, base+extensions[0]))
		}
	case !slices.Contains(extensions, ext):
		return nil, usagef("--%s is %q, want a name that ends in %s", flag, out, strings.Join(extensions, " or "))
	}
	seen := map[string]string{}
	for i, name := range names {
		if other, ok := seen[name]; ok {
			return nil, usagef("%s and %s would both be drawn to %s", other, pictures[i], name)
		}
		seen[name] = pictures[i]
		if err := mayWrite(c, name, pictures); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// isDir reports whether a path is a folder.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// mayWrite refuses a file that exists, unless force is set. It always refuses one
// of the inputs: pictures, and the files that flags name.
func mayWrite(c *cli.Context, path string, pictures []string) error {
	if newfile.Input(path, pictures...) != "" {
		return usagef("%s is the picture that is read; write to another file", path)
	}
	if newfile.Input(path, modelInputs(c)...) != "" {
		return usagef("%s is a file of the model, which is read; write to another file", path)
	}
	for _, flag := range []string{"font", "file", "engine"} {
		if in := c.Path(flag); in != "" && newfile.Input(path, in) != "" {
			return usagef("%s is the file of %s, which is read; write to another file", path, flags.Dashed(flag))
		}
	}
	if _, err := os.Lstat(path); err == nil && !c.Bool("force") {
		return withHint(fmt.Errorf("%s %w", path, newfile.ErrExists))
	}
	return nil
}

// maxFont bounds the file of a font; the largest, of all CJK signs, take some 30 MB.
const maxFont = 128 << 20

// readFont reads the first font of a file. The error does not name the file.
func readFont(path string) (*sfnt.Font, error) {
	data, err := infile.Read(path, maxFont)
	if err != nil {
		return nil, cause(err)
	}
	all, err := sfnt.ParseCollection(data) // also reads a file of one font
	if err != nil {
		return nil, err
	}
	return all.Font(0)
}

// save draws objects on picture number i and writes its files.
func (d *drawing) save(c *cli.Context, i int, img image.Image, objects []paligemma.Object) error {
	shown := overlayObjects(objects)
	if d.raster != nil {
		path := d.raster[i]
		if err := d.warn(c.App.ErrWriter, path, shown); err != nil {
			return err
		}
		err := save(c, path, func(w io.Writer) error {
			out, err := overlay.Draw(c.Context, img, shown, d.style)
			if err != nil {
				return err
			}
			if strings.EqualFold(filepath.Ext(path), ".png") {
				return overlay.EncodePNG(c.Context, w, out)
			}
			return overlay.EncodeJPEG(c.Context, w, out, 92)
		})
		if err != nil {
			return err
		}
	}
	if d.vector == nil {
		return nil
	}
	return save(c, d.vector[i], func(w io.Writer) error {
		uri, err := overlay.DataURI(c.Context, img)
		if err != nil {
			return err
		}
		return overlay.SVG(c.Context, w, img.Bounds().Size(), shown, d.style, uri)
	})
}

// warn names the characters of labels that the font cannot draw.
func (d *drawing) warn(w io.Writer, path string, objects []overlay.Object) error {
	var labels strings.Builder
	for _, o := range objects {
		labels.WriteString(o.Label)
	}
	missing, err := overlay.Missing(d.style.Font, labels.String())
	if len(missing) > 0 {
		tell(w, "%s: the font has no glyphs for %q, which are drawn as boxes; --font names another", path, string(missing))
	}
	return err
}

// overlayObjects converts objects for package overlay.
func overlayObjects(objects []paligemma.Object) []overlay.Object {
	var list []overlay.Object
	for _, o := range objects {
		list = append(list, overlay.Object{Label: o.Label, Score: o.Score, Box: o.Pixels, Mask: o.Mask})
	}
	return list
}

// save writes a file, and makes its folder if it is missing. The file appears under
// its name only when it is complete. Only with --force it replaces another.
func save(c *cli.Context, path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := newfile.Create(path, c.Bool("force"))
	if err != nil {
		return withHint(err)
	}
	defer f.Close()
	for _, name := range f.Removed() {
		tell(c.App.ErrWriter, "%s was left by a run that was killed, and is removed", name)
	}
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return withHint(f.Commit())
}
