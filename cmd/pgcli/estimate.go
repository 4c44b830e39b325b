package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/pgcli/paligemma"
)

// estimates returns the memory of a model for several numbers of answers at a time;
// none for files that do not run by themselves, such as half a model, and without an
// engine. The error is ctx's cause.
func estimates(ctx context.Context, path string) (list []paligemma.Memory, err error) {
	for _, n := range []int{1, 4, 8, 16} {
		m, err := paligemma.Estimate(ctx, path, nil, n)
		if err != nil {
			return nil, context.Cause(ctx)
		}
		list = append(list, m)
	}
	return list, nil
}

// printEstimates prints a table of estimates, if there are any.
func printEstimates(w io.Writer, list []paligemma.Memory) error {
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ANSWERS AT A TIME\tCACHES\tTHEIR GRAPHS\tA PICTURE OR PROMPT\tWITH WEIGHTS")
	for _, m := range list {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", m.Sessions, size(int64(m.Sessions*m.Session)), size(int64(m.Steps)),
			size(int64(max(m.Picture, m.Prompt))), size(int64(m.Total())))
	}
	return table.Flush()
}
