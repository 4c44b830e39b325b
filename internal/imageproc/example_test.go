package imageproc_test

import (
	"fmt"

	"github.com/pgcli/paligemma/internal/imageproc"
)

func ExamplePrepare() {
	photo, err := imageproc.ReadFile("testdata/pictures/orientation-6.jpg", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	px, err := imageproc.Prepare(photo, imageproc.Options{Size: 224})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(photo.Width, photo.Height, len(px)) // stored as 45 x 37, shown upright
	// Output: 37 45 150528
}
