package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/convert"
)

// printPlan prints the outputs of a conversion with the tensors of each type.
func printPlan(c *cli.Context, p *convert.Plan) error {
	if c.Bool("json") {
		return printJSON(c.App.Writer, planJSON(p))
	}
	fmt.Fprintf(c.App.Writer, "source  %s (%s)\n", cell(p.Source), p.Format)
	for _, o := range p.Outputs {
		fmt.Fprintf(c.App.Writer, "output  %s\n", cell(o.Path))
		if err := printTypes(c.App.Writer, o.Tensors); err != nil {
			return err
		}
	}
	return nil
}

// printTypes prints the number and size of tensors by part and type.
func printTypes(w io.Writer, tensors []convert.TensorPlan) error {
	type key struct{ part, typ string }
	count, bytes := map[key]int{}, map[key]int64{}
	var order []key
	var total int64
	for _, t := range tensors {
		k := key{string(t.Part), t.Type.String()}
		if count[k] == 0 {
			order = append(order, k)
		}
		count[k]++
		bytes[k] += t.Bytes
		total += t.Bytes
	}
	slices.SortStableFunc(order, func(a, b key) int { return strings.Compare(a.part, b.part) })
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PART\tTYPE\tTENSORS\tSIZE")
	for _, k := range order {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", k.part, k.typ, count[k], size(bytes[k]))
	}
	fmt.Fprintf(table, "all\t\t%d\t%s\n", len(tensors), size(total))
	return table.Flush()
}

// A tensorJSON is a tensor in the output of convert --json and info --json.
type tensorJSON struct {
	Name  string `json:"name"`
	Part  string `json:"part"`
	Shape []int  `json:"shape"` // fastest axis first
	Type  string `json:"type"`
	Bytes int64  `json:"bytes"`
	From  string `json:"from,omitempty"` // name in the checkpoint
}

// planJSON returns the plan as JSON has it: without the metadata's long arrays.
func planJSON(p *convert.Plan) any {
	type output struct {
		Path    string       `json:"path"`
		Bytes   int64        `json:"bytes"`
		Tensors []tensorJSON `json:"tensors"`
	}
	var outputs []output
	for _, o := range p.Outputs {
		out := output{Path: o.Path, Bytes: o.Bytes()}
		for _, t := range o.Tensors {
			out.Tensors = append(out.Tensors, tensorJSON{t.Name, string(t.Part), t.Shape, t.Type.String(), t.Bytes, t.From})
		}
		outputs = append(outputs, out)
	}
	return struct {
		Source  string   `json:"source"`
		Format  string   `json:"format"`
		Outputs []output `json:"outputs"`
	}{p.Source, string(p.Format), outputs}
}
