//go:build unix

// Serve compares the requests a second of pgcli serve with those of pgcli bench
// --parallel for the same work: a picture file that is read each time and new to the
// server, a prompt, and an answer of as many tokens. Clients keep their connections, and
// what they send is made before the time begins. All run in turn, so that a slower minute
// of the machine meets all. It prints a line for each round: bench with a picture in
// memory, bench with the file, the server, and how much of a processor's time clients
// took for a request, which the server may have lacked.
//
//	go run ./scripts/bench/serve -pgcli bin/pgcli -picture cmd/pgcli/demo/scene-05.jpg
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pgcli/paligemma/scripts/bench/requests"
)

const prompt = "caption en" // that of pgcli bench

// A comparison holds the flags.
type comparison struct {
	pgcli, model     string
	parallel, rounds int
	requests         int    // of each client
	tokens           int    // of an answer, at most
	path             string // of the picture
	picture          []byte
	client           http.Client
}

func main() {
	log.SetFlags(0)
	var c comparison
	flag.StringVar(&c.pgcli, "pgcli", "bin/pgcli", "the command")
	flag.StringVar(&c.model, "m", "", "GGUF `file` (default: the embedded model)")
	flag.IntVar(&c.parallel, "parallel", 4, "`clients` at a time")
	flag.IntVar(&c.rounds, "rounds", 4, "rounds of both")
	flag.IntVar(&c.requests, "requests", 50, "`requests` of each client in a round")
	flag.IntVar(&c.tokens, "tokens", 512, "most `tokens` of an answer")
	flag.StringVar(&c.path, "picture", "cmd/pgcli/demo/scene-05.jpg", "JPEG `file`")
	flag.Parse()
	c.client.Transport = &http.Transport{MaxIdleConnsPerHost: c.parallel}
	var err error
	if c.picture, err = os.ReadFile(c.path); err == nil {
		err = c.run()
	}
	if err != nil {
		log.Fatal("serve: ", err)
	}
}

// run prints a round a line.
func (c *comparison) run() error {
	address, stop, err := c.serve()
	if err != nil {
		return err
	}
	defer stop()
	body, err := c.body(0, c.tokens)
	if err != nil {
		return err
	}
	tokens, err := c.ask(address, body)
	if err != nil {
		return err
	}
	fmt.Printf("%d clients, answers of %d tokens; requests a second\n", c.parallel, tokens)
	for round := range c.rounds {
		memory, err := c.bench(tokens)
		if err != nil {
			return err
		}
		file, err := c.bench(tokens, "--image", c.path)
		if err != nil {
			return err
		}
		served, spent, err := c.clients(address, round, tokens)
		if err != nil {
			return err
		}
		fmt.Printf("bench %.1f  with the file %.1f  serve %.1f  %+.1f %%  clients %.2f ms\n", memory, file, served, 100*(served/file-1), 1e3*spent.Seconds())
	}
	return nil
}

// arguments returns a command's arguments with the model.
func (c *comparison) arguments(list ...string) []string {
	if c.model != "" {
		list = append(list, "-m", c.model)
	}
	return list
}

// serve starts the server, which stop ends.
func (c *comparison) serve() (address string, stop func(), err error) {
	cmd := exec.Command(c.pgcli, c.arguments("serve", "--alias", "bench", "--listen", "127.0.0.1:0", "--parallel", strconv.Itoa(c.parallel))...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line := make([]byte, 1<<10)
	n, err := out.Read(line)
	if address = strings.TrimSpace(string(line[:n])); err != nil || !strings.HasPrefix(address, "http://") {
		stop()
		return "", nil, fmt.Errorf("pgcli serve printed %q, want its address: %w", address, err)
	}
	return strings.TrimSuffix(address, "/"), stop, nil
}

// bench returns the requests a second of pgcli bench, with more flags.
func (c *comparison) bench(tokens int, flags ...string) (float64, error) {
	return requests.Bench(c.pgcli, append(c.arguments("--parallel", strconv.Itoa(c.parallel), "--test", fmt.Sprintf("req%d", tokens),
		"-r", strconv.Itoa(c.requests)), flags...)...)
}

// clients returns the requests a second of clients that ask the server, and the time that
// they had a processor for each.
func (c *comparison) clients(address string, round, tokens int) (rate float64, spent time.Duration, err error) {
	bodies := make([][]byte, c.parallel*c.requests)
	for i := range bodies {
		if bodies[i], err = c.body(1+round*len(bodies)+i, tokens); err != nil {
			return 0, 0, err
		}
	}
	errs := make(chan error, c.parallel)
	var all sync.WaitGroup
	start, before := time.Now(), processor()
	for client := range c.parallel {
		all.Go(func() {
			for _, body := range bodies[client*c.requests:][:c.requests] {
				n, err := c.ask(address, body)
				if err == nil && n != tokens {
					err = fmt.Errorf("an answer has %d tokens, want %d", n, tokens)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	n := len(bodies)
	rate, spent = float64(n)/time.Since(start).Seconds(), (processor()-before)/time.Duration(n)
	select {
	case err = <-errs:
	default:
	}
	return rate, spent, err
}

// processor returns the time that this process had a processor.
func processor() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// body returns a request about the picture, which a number in a comment makes a new file.
func (c *comparison) body(number, tokens int) ([]byte, error) {
	comment := fmt.Sprintf("%010d", number)
	file := string(c.picture[:2]) + "\xff\xfe\x00" + string(rune(2+len(comment))) + comment + string(c.picture[2:])
	return json.Marshal(map[string]any{"model": "bench", "prompt": prompt, "stream": false, "options": map[string]any{"num_predict": tokens},
		"images": []string{base64.StdEncoding.EncodeToString([]byte(file))}})
}

// ask sends a request and returns the number of the answer's tokens.
func (c *comparison) ask(address string, body []byte) (int, error) {
	response, err := c.client.Post(address+"/api/generate", "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	var answer struct {
		Count int `json:"eval_count"`
	}
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	if err != nil || response.StatusCode != http.StatusOK || answer.Count == 0 {
		return 0, fmt.Errorf("%s: %.300s: %v", response.Status, data, err)
	}
	return answer.Count, nil
}
