package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// benchTests returns the tests of --test. As in llama-bench, -p and -n say how many
// tokens the prompts and answers have instead.
func benchTests(c *cli.Context) ([]benchTest, error) {
	names := strings.Split(c.String("test"), ",")
	for _, counts := range []struct{ flag, test string }{{"n-prompt", "pp"}, {"n-gen", "tg"}} {
		if !c.IsSet(counts.flag) {
			continue
		}
		list, err := numbers(counts.flag, c.String(counts.flag), 1<<17)
		if err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, counts.test) })
		for _, n := range list {
			if n > 0 {
				names = append(names, counts.test+strconv.Itoa(n))
			}
		}
	}
	var tests []benchTest
	for _, name := range names {
		t := benchTest{name: name, tokens: func(*bencher) int { return 0 }}
		n, err := strconv.Atoi(strings.TrimLeft(name, "ptg"))
		counted := err == nil && n > 0 && n <= 1<<17
		switch {
		case name == "load":
			t.run = load
		case name == "vit":
			t.run, t.tokens = encode, func(b *bencher) int { return b.model.Config().ImageTokens }
		case name == "img+prompt":
			t.run, t.tokens = firstToken, func(b *bencher) int {
				return b.model.Config().ImageTokens + len(b.model.PromptIDs(b.caption))
			}
		case counted && strings.HasPrefix(name, "pp"):
			t.tokens = func(*bencher) int { return n }
			t.run = func(ctx context.Context, b *bencher) (time.Duration, error) { return b.prompt(ctx, n) }
		case counted && strings.HasPrefix(name, "tg"):
			t.tokens = func(*bencher) int { return n }
			t.run = func(ctx context.Context, b *bencher) (time.Duration, error) { return b.answer(ctx, n) }
		default:
			return nil, usagef("--test has %q, want load, vit, img+prompt, ppN or tgN", name)
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// numbers returns the numbers of a flag, from 0 to most, with commas between them.
func numbers(flag, list string, most int) ([]int, error) {
	var all []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 0 || n > most {
			return nil, usagef("--%s is %q, want numbers from 0 to %d with commas between them", flag, list, most)
		}
		all = append(all, n)
	}
	return all, nil
}
