// Examples cannot skip: they need the built-in ggml.

//go:build cgo

package paligemma_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log"
	"os"
	"strings"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/models"
)

// tiny opens the embedded model, which knows drawn shapes. A model of your own
// is opened with Open.
func tiny() *paligemma.Model {
	model, err := paligemma.New(models.Tiny(), nil)
	if err != nil {
		log.Fatal(err)
	}
	return model
}

// drawing reads a drawing of a heart, a moon and other things.
func drawing(model *paligemma.Model, name string) image.Image {
	f, err := os.Open("cmd/pgcli/demo/" + name)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	img, err := model.ReadImage(f)
	if err != nil {
		log.Fatal(err)
	}
	return img
}

func Example() {
	model, err := paligemma.New(models.Tiny(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	f, err := os.Open("cmd/pgcli/demo/scene-21.jpg")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	img, err := model.ReadImage(f)
	if err != nil {
		log.Fatal(err)
	}
	result, err := model.Run(context.Background(), img, paligemma.Caption("en"), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text)
	// Output:
	// a red star, a red heart, a purple moon and a sign on grass
}

func Example_boxes() {
	model := tiny()
	defer model.Close()
	result, err := model.Run(context.Background(), drawing(model, "scene-08.jpg"), paligemma.Segment("heart"), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range result.Objects {
		fmt.Printf("%s, score %.1f, about %d pixels wide, mask: %t\n", o.Label, o.Score, (o.Pixels.Dx()+5)/10*10, o.Mask != nil)
	}
	// Output:
	// heart, score 0.9, about 90 pixels wide, mask: true
	// heart, score 0.9, about 100 pixels wide, mask: true
}

func ExamplePrompt_Read() {
	for _, p := range []paligemma.Prompt{"<image>detect star\n", "<bos>ocr", paligemma.Detect("cat;dog")} {
		r, err := p.Read()
		if errors.Is(err, paligemma.ErrPrompt) {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%q, pictures: %d, changed: %t\n", r.Text, r.Pictures, r.Changed)
	}
	// Output:
	// "detect star", pictures: 1, changed: true
	// paligemma: prompt "<bos>ocr" has <bos>, which is a token of the model and no text: leave it out
	// paligemma: detect prompt names "cat;dog", want a thing without ; < > and line breaks
}

func ExampleOpen() {
	model, err := paligemma.Open("models/tiny.gguf", &paligemma.Options{Threads: 1, Context: 600})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	c := model.Config()
	fmt.Printf("%s, %d layers, pictures of %dx%d pixels in %d tokens\n", c.Family, c.Layers, c.ImageSize, c.ImageSize, c.ImageTokens)
	// Output:
	// gemma, 4 layers, pictures of 112x112 pixels in 64 tokens
}

func ExampleOpen_error() {
	_, err := paligemma.Open("testdata/oracle/pg1-a/config.json", nil)
	fmt.Println(err)
	// Output:
	// paligemma: testdata/oracle/pg1-a/config.json: gguf: byte 0: not a GGUF file: it starts with "{\n \"", not "GGUF"
}

func ExampleModel_ReadImage() {
	model := tiny()
	defer model.Close()
	_, err := model.ReadImage(strings.NewReader("a thousand words"))
	fmt.Println(err)
	fmt.Println(errors.Is(err, image.ErrFormat))
	// Output:
	// paligemma: not a PNG, JPEG, GIF, BMP, TIFF, WebP or PNM picture: found text ("a thousand words")
	// true
}

func ExampleModel_Encode() {
	model := tiny()
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	ctx := context.Background()
	img, err := model.Encode(ctx, drawing(model, "scene-21.jpg")) // the tower runs once
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range []paligemma.Prompt{paligemma.OCR(), paligemma.Answer("en", "where is the moon?")} {
		r, err := session.Run(ctx, []*paligemma.Image{img}, p, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", p, r.Text)
	}
	// Output:
	// ocr: HOTEL
	// answer en where is the moon?: top right
}

func ExampleSession_Tokens() {
	model := tiny()
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	ctx := context.Background()
	img, err := model.Encode(ctx, drawing(model, "scene-21.jpg"))
	if err != nil {
		log.Fatal(err)
	}
	if err := session.Prefill(ctx, []*paligemma.Image{img}, paligemma.OCR()); err != nil {
		log.Fatal(err)
	}
	for token, err := range session.Tokens(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q ", token.Text)
	}
	fmt.Println(session.Stopped())
	// Output:
	// "H" "O" "T" "E" "L" eos
}

func ExampleModel_ParseObjects() {
	model := tiny()
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
	model := tiny()
	defer model.Close()
	for _, id := range model.PromptIDs("detect red circle") {
		fmt.Printf("%q ", model.Piece(id))
	}
	// Output:
	// "<bos>" "detect" "▁red" "▁circle" "\n"
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

// A grammar makes the model choose among texts.
func ExampleSampling_grammar() {
	model := tiny()
	defer model.Close()
	result, err := model.Run(context.Background(), drawing(model, "scene-21.jpg"), paligemma.Answer("en", "is there a moon?"),
		&paligemma.Sampling{Grammar: grammar.OneOf("yes", "no")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text)
	// Output:
	// yes
}
