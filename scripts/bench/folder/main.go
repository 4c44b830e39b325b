// Folder compares the pictures a second of pgcli batch, from its start to its end, with the
// requests a second of pgcli bench --parallel for answers of as many tokens, without files.
// Both run in turn, so that a slower minute of the machine meets both. It prints a line for
// each round, and the medians. The folder's pictures are the same file under many names, so
// that all answers have as many tokens.
//
//	go run ./scripts/bench/folder -m FILE -pictures 200
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/pgcli/paligemma/scripts/bench/requests"
)

const prompt = "caption en" // that of pgcli bench

// A comparison holds the flags.
type comparison struct {
	pgcli, model               string
	pictures, parallel, rounds int
	tokens                     int // most of an answer
	patience                   time.Duration
	picture                    []byte
}

func main() {
	log.SetFlags(0)
	var c comparison
	flag.StringVar(&c.pgcli, "pgcli", "bin/pgcli", "the command")
	flag.StringVar(&c.model, "m", "", "GGUF `file` (default: the embedded model)")
	flag.IntVar(&c.pictures, "pictures", 200, "`pictures` in the folder")
	flag.IntVar(&c.parallel, "parallel", 12, "`pictures` at a time")
	flag.IntVar(&c.rounds, "rounds", 3, "rounds of both")
	flag.IntVar(&c.tokens, "tokens", 12, "most `tokens` of an answer")
	flag.DurationVar(&c.patience, "patience", 2*time.Second, "how long answers wait for pictures and prompts: a `time`")
	picture := flag.String("picture", "cmd/pgcli/demo/scene-05.jpg", "picture `file`")
	flag.Parse()
	var err error
	if c.picture, err = os.ReadFile(*picture); err == nil {
		err = c.run(filepath.Ext(*picture))
	}
	if err != nil {
		log.Fatal("folder: ", err)
	}
}

// run prints a round a line.
func (c *comparison) run(ending string) error {
	dir, err := os.MkdirTemp("", "pgcli-folder-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	photos, one := filepath.Join(dir, "photos"), filepath.Join(dir, "one"+ending)
	if err := os.Mkdir(photos, 0o755); err != nil {
		return err
	}
	for i := range c.pictures {
		if err := os.WriteFile(filepath.Join(photos, fmt.Sprintf("%05d%s", i, ending)), c.picture, 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(one, c.picture, 0o644); err != nil {
		return err
	}
	out := filepath.Join(dir, "out.jsonl")
	_, tokens, err := c.batch(one, out, 1)
	if err != nil {
		return err
	}
	fmt.Printf("%d pictures, %d at a time, answers of %d tokens; pictures a second\n", c.pictures, c.parallel, tokens)
	var benches, folders []float64
	for range c.rounds {
		bench, err := c.bench(tokens)
		if err != nil {
			return err
		}
		folder, n, err := c.batch(photos, out, c.pictures)
		if err == nil && n != tokens*c.pictures {
			err = fmt.Errorf("%d answers have %d tokens, want %d of each", c.pictures, n, tokens)
		}
		if err != nil {
			return err
		}
		fmt.Printf("bench %.3f  folder %.3f  %+.1f %%\n", bench, folder, 100*(folder/bench-1))
		benches, folders = append(benches, bench), append(folders, folder)
	}
	a, b := median(benches), median(folders)
	fmt.Printf("medians: bench %.3f  folder %.3f  %+.1f %%\n", a, b, 100*(b/a-1))
	return nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// arguments returns a command's arguments with the model and what both commands share.
func (c *comparison) arguments(list ...string) []string {
	list = append(list, "--patience", c.patience.String(), "--parallel", strconv.Itoa(c.parallel))
	if c.model != "" {
		list = append(list, "-m", c.model)
	}
	return list
}

// batch returns the pictures a second of pgcli batch over an input, with the start of the
// model, and the tokens of all answers.
func (c *comparison) batch(input, out string, pictures int) (rate float64, tokens int, err error) {
	start := time.Now()
	message, err := exec.Command(c.pgcli, c.arguments("batch", input, "-p", prompt, "-n", strconv.Itoa(c.tokens), "-o", out)...).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("pgcli batch: %w: %s", err, message)
	}
	rate = float64(pictures) / time.Since(start).Seconds()
	data, err := os.ReadFile(out)
	if err != nil {
		return 0, 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var r struct {
			Timings struct {
				Tokens int `json:"generated_tokens"`
			} `json:"timings"`
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return 0, 0, err
		}
		tokens += r.Timings.Tokens
	}
	return rate, tokens, os.Remove(out)
}

// bench returns the requests a second of pgcli bench, for about as many requests.
func (c *comparison) bench(tokens int) (float64, error) {
	each := (c.pictures + c.parallel - 1) / c.parallel
	return requests.Bench(c.pgcli, c.arguments("--test", fmt.Sprintf("req%d", tokens), "-r", strconv.Itoa(each))...)
}
