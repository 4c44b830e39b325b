// Finds things in a picture with Go's standard library: go run . photo.jpg cat dog
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
)

// An answer has the fields of /v1/detect's that are printed; /openapi.yaml has the others.
type answer struct {
	Objects []struct {
		Label  string
		Score  float64
		Pixels struct{ X0, Y0, X1, Y1 int }
	}
	Error struct{ Message string }
}

func main() {
	picture, err := os.ReadFile(os.Args[1])
	check(err)
	request, err := json.Marshal(map[string]any{"image": picture, "labels": os.Args[2:]}) // bytes are base64 in JSON
	check(err)
	response, err := http.Post(cmp.Or(os.Getenv("PGCLI_URL"), "http://127.0.0.1:9931")+"/v1/detect", "application/json", bytes.NewReader(request))
	check(err)
	defer response.Body.Close()
	var a answer
	check(json.NewDecoder(response.Body).Decode(&a))
	if response.StatusCode != http.StatusOK {
		log.Fatal(a.Error.Message)
	}
	for _, o := range a.Objects {
		fmt.Printf("%s\t%.2f\t%d %d %d %d\n", o.Label, o.Score, o.Pixels.X0, o.Pixels.Y0, o.Pixels.X1, o.Pixels.Y1)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
