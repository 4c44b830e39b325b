// Read decodes the pictures whose names come on standard input, one a line, as package
// imageproc does. For each it writes a line of JSON, and after it the picture's r, g, b
// bytes if it was read.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/pgcli/paligemma/internal/imageproc"
)

func main() {
	log.SetFlags(0)
	out := bufio.NewWriter(os.Stdout)
	names := bufio.NewScanner(os.Stdin)
	for names.Scan() {
		m, err := read(names.Text())
		line := map[string]any{"width": 0, "height": 0}
		if err != nil {
			line["error"] = err.Error()
		} else {
			line["width"], line["height"] = m.Width, m.Height
		}
		if err := json.NewEncoder(out).Encode(line); err != nil {
			log.Fatal(err)
		}
		if m != nil {
			if _, err := out.Write(m.Pix); err != nil {
				log.Fatal(err)
			}
		}
		if err := out.Flush(); err != nil {
			log.Fatal(err)
		}
	}
	if err := names.Err(); err != nil {
		log.Fatal(err)
	}
}

// read decodes one file.
func read(name string) (*imageproc.RGB, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return imageproc.Read(context.Background(), f, 0)
}
