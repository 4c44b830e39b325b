package eval_test

import (
	"context"
	"fmt"
	"log"

	"github.com/pgcli/paligemma/eval"
)

func ExampleOpen() {
	set, err := eval.Open(context.Background(), "../testdata/metrics/heldout/data.jsonl", 3)
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range set.Examples(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, %s: %s\n", e.Image, e.Prompt, e.Expected[0])
	}
	// Output:
	// 00.png, caption en: a yellow circle on grass
	// 00.png, answer en which shape is yellow?: circle
	// 00.png, answer en what color is the circle?: yellow
}
