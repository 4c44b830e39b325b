// Neighbour measures how much longer an answer takes beside processes that keep
// processors busy, how long it pauses beside somebody's pictures, and how soon cancelled
// calls return. Rounds alone and in company
// take turns, in one process, so that memory that is slow for a while slows both.
//
//	go run ./scripts/neighbour -m FILE -busy 1         # an answer alone and beside one busy process
//	go run ./scripts/neighbour -m FILE -callers 1,2,8  # answers a second by callers
//	go run ./scripts/neighbour -m FILE -pauses         # from token to token, alone and beside pictures and prompts
//	go run ./scripts/neighbour -m FILE -cancel         # from the end of a context to the return of Run
//
// Nothing else should run on the machine. To compare versions, build each and run
// them in turn.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"log"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pgcli/paligemma"
	_ "github.com/pgcli/paligemma/ggml"
	"github.com/pgcli/paligemma/models"
)

type measurement struct {
	model                *paligemma.Model
	tokens, rounds, busy int
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("neighbour: ")
	var m measurement
	var opts paligemma.Options
	path := flag.String("m", "", "GGUF file of a model; the embedded one if empty")
	callers := flag.String("callers", "", "measure answers at the same time: numbers of callers, with commas")
	cancel := flag.Bool("cancel", false, "measure how soon cancelled calls return")
	pauses := flag.Bool("pauses", false, "measure the times from token to token, alone and beside pictures")
	spin := flag.Bool("spin", false, "do nothing but keep a processor busy")
	flag.IntVar(&opts.Threads, "t", 0, "threads; 0 for the default")
	flag.StringVar(&opts.Kernels, "kernels", "auto", "kernels: auto, off, or a level")
	flag.IntVar(&m.tokens, "n", 32, "tokens of an answer")
	flag.IntVar(&m.rounds, "r", 7, "rounds")
	flag.IntVar(&m.busy, "busy", 1, "busy processes")
	flag.Parse()
	if *spin {
		for start := time.Now(); time.Since(start) < time.Hour; { // or until it is killed
		}
		return
	}
	var err error
	if *path == "" {
		m.model, err = paligemma.New(models.Tiny(), &opts)
	} else {
		m.model, err = paligemma.Open(*path, &opts)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer m.model.Close()
	switch {
	case *cancel:
		err = m.cancelled()
	case *pauses:
		err = m.pauses()
	case *callers != "":
		err = m.together(*callers)
	default:
		err = m.beside()
	}
	if err != nil {
		log.Print(err)
	}
}

// answer generates an answer of m.tokens tokens and returns the time they took.
func (m *measurement) answer(ctx context.Context) (time.Duration, error) {
	s, err := m.model.NewSession()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if err := s.Prefill(ctx, nil, "caption en"); err != nil {
		return 0, err
	}
	start := time.Now()
	for _, err := range s.Tokens(ctx, &paligemma.Sampling{MaxTokens: m.tokens, Forbidden: []int32{m.model.EOS()}, AllowRepeats: true}) {
		if err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// beside measures answers alone and beside busy processes, in turn.
func (m *measurement) beside() error {
	var times [2][]time.Duration
	var ratios []float64
	for range m.rounds {
		for i, busy := range []int{0, m.busy} {
			stop, err := occupy(busy)
			if err != nil {
				return err
			}
			took, err := m.answer(context.Background())
			stop()
			if err != nil {
				return err
			}
			times[i] = append(times[i], took)
		}
		ratios = append(ratios, times[1][len(times[1])-1].Seconds()/times[0][len(times[0])-1].Seconds())
	}
	fmt.Printf("%d tokens: alone %v, beside %d busy %v; %.2f times as long (%.2f to %.2f)\n", m.tokens,
		median(times[0]).Round(10*time.Microsecond), m.busy, median(times[1]).Round(10*time.Microsecond),
		median(ratios), slices.Min(ratios), slices.Max(ratios))
	return nil
}

// occupy starts processes that keep a processor busy each, until stop.
func occupy(n int) (stop func(), err error) {
	var all []*exec.Cmd
	stop = func() {
		for _, c := range all {
			c.Process.Kill()
			c.Wait()
		}
	}
	for range n {
		c := exec.Command(os.Args[0], "-spin")
		c.Env = append(os.Environ(), "GOMAXPROCS=1")
		if err := c.Start(); err != nil {
			stop()
			return nil, err
		}
		all = append(all, c)
	}
	if n > 0 {
		time.Sleep(100 * time.Millisecond)
	}
	return stop, nil
}

// together measures answers a second for numbers of callers.
func (m *measurement) together(list string) error {
	for number := range strings.SplitSeq(list, ",") {
		callers, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		failed := make([]error, callers)
		var group sync.WaitGroup
		start := time.Now()
		for i := range callers {
			group.Go(func() {
				for range m.rounds {
					if _, err := m.answer(context.Background()); err != nil {
						failed[i] = err
					}
				}
			})
		}
		group.Wait()
		if err := errors.Join(failed...); err != nil {
			return err
		}
		fmt.Printf("%d callers: %.2f answers a second\n", callers, float64(callers*m.rounds)/time.Since(start).Seconds())
	}
	return nil
}

// cancelled measures calls that are cancelled at moments spread over a whole one.
func (m *measurement) cancelled() error {
	side := m.model.Config().ImageSize
	picture := image.NewRGBA(image.Rect(0, 0, side, side))
	run := func(ctx context.Context) error {
		_, err := m.model.Run(ctx, picture, "caption en", &paligemma.Sampling{MaxTokens: 2})
		return err
	}
	start := time.Now()
	if err := run(context.Background()); err != nil {
		return err
	}
	whole := time.Since(start)
	var waits []time.Duration
	for i := range m.rounds {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan time.Time, 1)
		time.AfterFunc(whole*time.Duration(i)/time.Duration(m.rounds), func() { ended <- time.Now(); cancel() })
		err := run(ctx)
		if err != nil {
			waits = append(waits, time.Since(<-ended))
		}
		cancel()
	}
	if len(waits) == 0 {
		return errors.New("every call ended before it was cancelled")
	}
	fmt.Printf("a call of %v, cancelled %d times: returns after %v, at most %v\n", whole.Round(time.Millisecond), len(waits),
		median(waits).Round(10*time.Microsecond), slices.Max(waits).Round(10*time.Microsecond))
	return nil
}

func median[T time.Duration | float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
