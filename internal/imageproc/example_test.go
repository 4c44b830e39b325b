package imageproc_test

import (
	"context"
	"fmt"
	"os"

	"github.com/pgcli/paligemma/internal/imageproc"
)

func ExamplePrepare() {
	file, err := os.Open("testdata/pictures/orientation-6.jpg")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	photo, err := imageproc.Read(context.Background(), file, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	px, err := imageproc.Prepare(context.Background(), photo, imageproc.Options{Size: 224})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(photo.Width, photo.Height, len(px)) // stored as 45 x 37, shown upright
	// Output: 37 45 150528
}
