// Scene draws testdata/scene.png, the picture that examples and benchmarks use:
// a red disc, a blue square and a green triangle on a shaded ground.
//
//	go run ./scripts/scene testdata/scene.png
package main

import (
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
)

const width, height = 320, 240

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: scene FILE.png")
	}
	f, err := os.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := png.Encode(f, draw()); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
}

func draw() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetRGBA(x, y, at(x, y))
		}
	}
	return img
}

// at returns the colour of a pixel. The disc is in front, then the square, then the triangle.
func at(x, y int) color.RGBA {
	switch dx, dy := x-90, y-80; {
	case dx*dx+dy*dy < 50*50:
		return color.RGBA{200, 40, 40, 255}
	case x >= 180 && x < 260 && y >= 40 && y < 120:
		return color.RGBA{40, 80, 200, 255}
	case y >= 140 && y < 220 && abs(x-160) < (y-140)/2:
		return color.RGBA{50, 160, 70, 255}
	}
	return color.RGBA{uint8(230 - x/8), uint8(225 - y/8), 215, 255}
}

func abs(x int) int { return max(x, -x) }
