//go:build cgo

package grammar_test

import (
	"context"
	"fmt"
	"log"

	"github.com/pgcli/paligemma"
	_ "github.com/pgcli/paligemma/ggml"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/models"
)

// A digit is a grammar of a program's own: answers of one digit.
type digit struct{}

// Start looks the digits up in the model's vocabulary.
func (digit) Start(v grammar.Vocabulary) (grammar.State, error) {
	var ids []int32
	for d := range 10 {
		id, ok := v.ID(fmt.Sprint(d))
		if !ok {
			return nil, fmt.Errorf("the vocabulary has no piece %d", d)
		}
		ids = append(ids, id)
	}
	return allow{grammar.Ranges(ids...), allow{grammar.Ranges(v.EOS()), nil}}, nil
}

// allow is a state: the ids that may come, and the state after any of them.
type allow struct {
	ids  []grammar.Range
	next grammar.State
}

func (a allow) Allowed() []grammar.Range { return a.ids }
func (a allow) Next(int32) grammar.State { return a.next }

func ExampleGrammar() {
	model, err := paligemma.New(models.Tiny(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	result, err := session.Run(context.Background(), nil, "how many?", &paligemma.Sampling{Grammar: digit{}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(result.Text), result.Stop)
	// Output:
	// 1 eos
}
