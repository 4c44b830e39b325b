package main

import (
	"testing"
	"time"

	"github.com/pgcli/paligemma/batch"
)

// TestPaceOfAResumedBatch: pictures that had their records before count neither for the rate
// nor for the time that is left, wherever they are among the others.
func TestPaceOfAResumedBatch(t *testing.T) {
	start := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		plan  batch.Plan
		steps []batch.Progress // a second apart
		want  string
	}{
		"a new one":             {batch.Plan{Pictures: 10, Asked: 10}, []batch.Progress{{Pictures: 1}, {Pictures: 2}}, "8 s left, 1 a second"},
		"some before":           {batch.Plan{Pictures: 100, Asked: 4}, []batch.Progress{{Pictures: 40, Earlier: 40}, {Pictures: 96, Earlier: 96}, {Pictures: 97, Earlier: 96}}, "3 s left, 1 a second"},
		"some after":            {batch.Plan{Pictures: 100, Asked: 4}, []batch.Progress{{Pictures: 1}, {Pictures: 2, Failed: 1}}, "2 s left, 1 a second, 1 failed"},
		"all before":            {batch.Plan{Pictures: 3}, []batch.Progress{{Pictures: 3, Earlier: 3}}, ""},
		"changed ones":          {batch.Plan{Pictures: 4}, []batch.Progress{{Pictures: 1, Changed: 1}, {Pictures: 2, Changed: 2}}, "1 a second"},
		"a film with some":      {batch.Plan{Pictures: 10, Asked: 10, Rough: true}, []batch.Progress{{Pictures: 8, Earlier: 8}, {Pictures: 9, Earlier: 8}}, "1 s left, 1 a second"},
		"more than were listed": {batch.Plan{Pictures: 1, Asked: 1}, []batch.Progress{{Pictures: 1}, {Pictures: 2}}, "1 a second"},
	} {
		p := newPace(&c.plan, start)
		for i, step := range c.steps {
			p.add(step, start.Add(time.Duration(i+1)*time.Second))
		}
		if got := p.String(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
