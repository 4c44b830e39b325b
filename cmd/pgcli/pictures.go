package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/infile"
)

// imageFlag names pictures, for commands whose arguments may be pictures too.
func imageFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "image", KeepSpace: true, Usage: "picture `file`, or - for standard input (repeatable); then no argument is a picture"}
}

// keepGoingFlag goes with commands that ask about each of several pictures.
func keepGoingFlag() cli.Flag {
	return &cli.BoolFlag{Name: "keep-going", Usage: "leave out pictures that fail, and say so; it is a failure if all do"}
}

// isPicture reports whether an argument names a picture: "-", a name with a picture's
// ending, whose file may be missing, a pipe, such as the shell's <(COMMAND) makes, a
// device or socket, which reading refuses, or a file that begins like a picture or has any ending, which reading refuses if it is
// none. A file named cat is none by its name. One that may not be read is a picture if it
// has an ending, or is named with its folder: reading it says why it cannot be.
func isPicture(arg string) bool {
	ext := strings.ToLower(filepath.Ext(arg))
	if arg == "-" || batch.IsPicture(arg) {
		return true
	}
	if info, err := os.Stat(arg); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return true
	}
	f, err := infile.Open(arg)
	if err != nil {
		return errors.Is(err, fs.ErrPermission) && (ext != "" || filepath.Base(arg) != arg)
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	return ext != "" || strings.HasPrefix(http.DetectContentType(head[:n]), "image/")
}

// isFolder reports whether an argument names a folder, and cannot be meant as a word.
func isFolder(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && info.IsDir() && (arg == "." || strings.ContainsRune(arg, filepath.Separator) || strings.Contains(arg, "/"))
}

// picturesAndTexts splits the arguments into pictures and other texts. With --image
// no argument is a picture.
func picturesAndTexts(c *cli.Context) (pictures, texts []string, err error) {
	pictures = c.StringSlice("image")
	given := len(pictures) > 0
	for _, arg := range c.Args().Slice() {
		switch {
		case strings.EqualFold(filepath.Ext(arg), ".gguf"):
			return nil, nil, usagef("%s is a model: give it with -m %s", arg, arg)
		case isFolder(arg):
			return nil, nil, usagef("%s is a folder, want picture files, such as %s", arg, filepath.Join(arg, "*.jpg"))
		case !given && isPicture(arg):
			pictures = append(pictures, arg)
		default:
			texts = append(texts, arg)
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(pictures), func(p string) bool { return p != "-" })); n > 1 {
		return nil, nil, usagef("standard input (-) is one picture, and is named %d times", n)
	}
	return pictures, texts, nil
}

// encodeFile reads and encodes a picture. The errors name it.
func encodeFile(ctx context.Context, c *cli.Context, m *paligemma.Model, path string) (image.Image, *paligemma.Image, error) {
	img, err := readImage(ctx, c, m, path)
	if err != nil {
		return nil, nil, fmt.Errorf("picture %s: %w", path, err)
	}
	encoded, err := m.Encode(ctx, img)
	if err != nil {
		return nil, nil, fmt.Errorf("picture %s: %w", path, err)
	}
	return img, encoded, nil
}

// readImage reads one picture from a file or a pipe; "-" stands for standard input.
// The error does not name the file.
func readImage(ctx context.Context, c *cli.Context, m *paligemma.Model, path string) (image.Image, error) {
	if path == "-" {
		return m.ReadImageContext(ctx, infile.Reader(ctx, c.App.Reader))
	}
	f, err := infile.OpenStream(ctx, path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	return m.ReadImageContext(ctx, f)
}

// cause returns an error of opening without the path, which the caller names.
func cause(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// forEach calls ask for the pictures in order. With --keep-going a picture that
// fails is reported and left out, unless all fail.
func forEach(c *cli.Context, pictures []string, ask func(i int, path string) error) error {
	failed := 0
	for i, path := range pictures {
		err := ask(i, path)
		if err == nil {
			continue
		}
		if !c.Bool("keep-going") || c.Context.Err() != nil || errors.As(err, new(outputError)) {
			return err
		}
		tell(c.App.ErrWriter, "left out: %s", message(err))
		failed++
	}
	if failed == len(pictures) && failed > 0 {
		return fmt.Errorf("nothing is left: %d of %d pictures failed", failed, failed)
	}
	return someFailed(failed, len(pictures), "pictures")
}

// An outputError says that an answer cannot be written: no other can be either.
type outputError struct{ error }

func (e outputError) Unwrap() error { return e.error }

// output marks an error of writing, unless it is an interruption: of chat's answers only one is
// interrupted.
func output(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return outputError{err}
}
