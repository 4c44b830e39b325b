// Examples cannot skip: they need the built-in ggml.

//go:build cgo

package paligemma_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/convert"
)

// The examples run a tiny model with random weights: fast, and meaningless.
// tinyModel writes it to a folder that the caller removes.
func tinyModel() (dir, path string) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	path = filepath.Join(dir, "model.gguf")
	if _, err := convert.Run(context.Background(), "testdata/oracle/pg1-a", path, convert.Options{Type: "f32"}); err != nil {
		log.Fatal(err)
	}
	return dir, path
}

// photo stands for a picture that was read from a file.
func photo() image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, 80, 60))
	for i := range 80 * 60 {
		m.Set(i%80, i/80, color.NRGBA{uint8(3 * (i % 80)), uint8(4 * (i / 80)), 90, 255})
	}
	return m
}

func Example() {
	dir, path := tinyModel()
	defer os.RemoveAll(dir)

	model, err := paligemma.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	result, err := model.Run(context.Background(), photo(), paligemma.Caption("en"), &paligemma.Sampling{MaxTokens: 4})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text, result.Stop)
	// Output:
	// <loc0968>kingkingking length
}

func ExampleOpen() {
	dir, path := tinyModel()
	defer os.RemoveAll(dir)

	model, err := paligemma.Open(path, &paligemma.Options{Threads: 1, Context: 600})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	c := model.Config()
	fmt.Printf("%s, %d layers, pictures of %dx%d pixels in %d tokens\n", c.Family, c.Layers, c.ImageSize, c.ImageSize, c.ImageTokens)
	// Output:
	// gemma, 2 layers, pictures of 56x56 pixels in 16 tokens
}

func ExampleOpen_error() {
	_, err := paligemma.Open("testdata/oracle/pg1-a/config.json", nil)
	fmt.Println(err)
	// Output:
	// paligemma: testdata/oracle/pg1-a/config.json: gguf: byte 0: not a GGUF file: it starts with "{\n \"", not "GGUF"
}

func ExampleModel_ReadImage() {
	dir, path := tinyModel()
	defer os.RemoveAll(dir)
	model, err := paligemma.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	_, err = model.ReadImage(strings.NewReader("a thousand words"))
	fmt.Println(err)
	// Output:
	// paligemma: not a PNG, JPEG, GIF, BMP, TIFF or WebP picture: found text ("a thousand words")
}

func ExampleModel_Encode() {
	dir, path := tinyModel()
	defer os.RemoveAll(dir)
	model, err := paligemma.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	ctx := context.Background()
	img, err := model.Encode(ctx, photo()) // the tower runs once
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range []paligemma.Prompt{paligemma.Caption("en"), paligemma.Answer("en", "is it red?")} {
		r, err := session.Run(ctx, []*paligemma.Image{img}, p, &paligemma.Sampling{MaxTokens: 2})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", p, r.Text)
	}
	// Output:
	// caption en: <loc0968>king
	// answer en is it red?: <loc0943><loc0063>
}

func ExampleSession_Tokens() {
	dir, path := tinyModel()
	defer os.RemoveAll(dir)
	model, err := paligemma.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	ctx := context.Background()
	img, err := model.Encode(ctx, photo())
	if err != nil {
		log.Fatal(err)
	}
	if err := session.Prefill(ctx, []*paligemma.Image{img}, paligemma.Answer("en", "is it red?")); err != nil {
		log.Fatal(err)
	}
	for token, err := range session.Tokens(ctx, &paligemma.Sampling{MaxTokens: 3}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %q\n", token.ID, token.Text)
	}
	fmt.Println(session.Stopped())
	// Output:
	// 1504 "<loc0943>"
	// 624 "<loc0063>"
	// 624 "<loc0063>"
	// length
}

func ExampleModel_ParseObjects() {
	dir, path := tinyModel()
	defer os.RemoveAll(dir)
	model, err := paligemma.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	answer := "<loc0256><loc0128><loc0768><loc0512> cat ; <loc0100><loc0200> dog"
	objects, problems := model.ParseObjects(answer, image.Pt(640, 480))
	for _, o := range objects {
		fmt.Println(o.Label, o.Box, o.Pixels)
	}
	for _, p := range problems {
		fmt.Printf("%s: %q\n", p.Reason, p.Text)
	}
	// Output:
	// cat {0.125 0.25 0.5 0.75} (80,120)-(320,360)
	// 2 loc, want 4: "<loc0100><loc0200> dog"
}

func ExampleModel_PromptIDs() {
	dir, path := tinyModel()
	defer os.RemoveAll(dir)
	model, err := paligemma.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	for _, id := range model.PromptIDs("a cat") {
		fmt.Printf("%q ", model.Piece(id))
	}
	// Output:
	// "<bos>" "a" "▁cat" "\n"
}

func ExamplePrompt() {
	fmt.Println(paligemma.Caption("en"))
	fmt.Println(paligemma.Answer("de", "Wo ist die Kuh?"))
	fmt.Println(paligemma.OCR())
	fmt.Println(paligemma.Detect("cat", "dog"))
	fmt.Println(paligemma.Segment("left cat"))
	// Output:
	// caption en
	// answer de Wo ist die Kuh?
	// ocr
	// detect cat ; dog
	// segment left cat
}

// Any answer of this model is an object of the prompt's, although its weights
// are random.
func ExamplePrompt_Grammar() {
	dir, path := tinyModel()
	defer os.RemoveAll(dir)
	model, err := paligemma.Open(path, &paligemma.Options{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	prompt := paligemma.Detect("cat", "dog")
	result, err := model.Run(context.Background(), photo(), prompt, &paligemma.Sampling{Grammar: prompt.Grammar(), MaxTokens: 6})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range result.Objects {
		fmt.Printf("%s at %v\n", o.Label, o.Pixels)
	}
	// Output:
	// cat at (56,50)-(75,58)
}

func ExampleOneOf() {
	dir, path := tinyModel()
	defer os.RemoveAll(dir)
	model, err := paligemma.Open(path, &paligemma.Options{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	result, err := model.Run(context.Background(), photo(), paligemma.Answer("en", "is it day?"),
		&paligemma.Sampling{Grammar: paligemma.OneOf("yes", "no")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text, result.Stop)
	// Output:
	// yes eos
}
