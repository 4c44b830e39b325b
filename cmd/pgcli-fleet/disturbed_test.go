//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// questions are the flags of what the fleets ask.
var questions = []string{"-p", "caption en", "-p", "detect circle", "-n", "2"}

// undisturbed makes a folder of pictures, among them one that cannot be decoded and one
// that kills workers, and returns what pgcli batch answers, without times. The list of
// pictures, photos.txt, also names one that is not there.
func undisturbed(t *testing.T) (dir, want string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "photos"), 0o755))
	var list strings.Builder
	for i := range *pictures {
		name := fmt.Sprintf("photos/%05d.png", i)
		switch i {
		case *pictures / 3:
			name = "photos/killer.png"
		case *pictures / 2:
			name = "photos/poison.png"
		case *pictures / 4:
			name = "photos/gone.png"
		}
		scene(t, filepath.Join(dir, name), i)
		fmt.Fprintln(&list, name)
	}
	must(t, os.WriteFile(filepath.Join(dir, "photos/poison.png"), []byte("\x89PNG\r\n\x1a\nbroken"), 0o644))
	must(t, os.Remove(filepath.Join(dir, "photos/gone.png")))
	must(t, os.WriteFile(filepath.Join(dir, "photos.txt"), []byte(list.String()), 0o644))
	binary, err := pgcli()
	must(t, err)
	cmd := exec.Command(binary, append([]string{"batch", "@photos.txt", "-o", "undisturbed.jsonl", "-t", "1"}, questions...)...)
	cmd.Dir = dir
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 3 { // two fail
		t.Fatalf("%v: %v\n%s", cmd, cmd.ProcessState, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "undisturbed.jsonl"))
	must(t, err)
	return dir, withoutTimes(killed(t, string(data)))
}

// killed puts the failures of the picture that kills workers into records.
func killed(t *testing.T, records string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(records) {
		if !strings.Contains(line, "killer.png") {
			b.WriteString(line)
			continue
		}
		var r struct{ Key, Image, Prompt, Model string }
		must(t, json.Unmarshal([]byte(line), &r))
		fmt.Fprintf(&b, `{"key":%q,"image":%q,"prompt":%q,"model":%q,"error":{"kind":"worker","message":"3 workers were killed or stalled while they asked about it"}}`+"\n", r.Key, r.Image, r.Prompt, r.Model)
	}
	return b.String()
}

// A crew is workers that are started again when they end too early.
type crew struct {
	t     *testing.T
	dir   string
	args  []string
	mu    sync.Mutex
	now   []*exec.Cmd
	calm  atomic.Bool // nothing disturbs them any more
	ended sync.WaitGroup
	logs  syncBuffer
}

func newCrew(t *testing.T, dir, url string, n int) *crew {
	c := &crew{t: t, dir: dir, now: make([]*exec.Cmd, n),
		args: []string{"work", "--server", url, "--root", ".", "--parallel", "3", "--until-done", "--retry-wait", "100ms", "--drain", "2s"}}
	for i := range n {
		c.ended.Go(func() { c.run(i) })
	}
	t.Cleanup(func() {
		c.signalAll(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("the workers' log:\n%.20000s", c.logs.String())
		}
	})
	return c
}

// run runs a worker until the queue is empty.
func (c *crew) run(i int) {
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); {
		cmd := command(c.dir, c.args...)
		cmd.Stdout, cmd.Stderr = &c.logs, &c.logs
		c.mu.Lock()
		err := cmd.Start()
		c.now[i] = cmd
		c.mu.Unlock()
		if err != nil {
			c.t.Error(err)
			return
		}
		if cmd.Wait() == nil && c.calm.Load() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.t.Error("a worker did not end")
}

// signalAll signals all workers.
func (c *crew) signalAll(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.now {
		if cmd != nil && cmd.Process != nil {
			cmd.Process.Signal(s)
		}
	}
}

// signal signals a random worker, and returns its process.
func (c *crew) signal(random *rand.Rand, s syscall.Signal) *os.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd := c.now[random.IntN(len(c.now))]
	if cmd == nil || cmd.Process == nil {
		return nil
	}
	cmd.Process.Signal(s)
	return cmd.Process
}

// TestADisturbedFleetAnswersAsOneBatch: whatever happens to workers and server, each
// question has one record in the end, the undisturbed run's.
func TestADisturbedFleetAnswersAsOneBatch(t *testing.T) {
	dir, want := undisturbed(t)
	for name, start := range map[string]func(testing.TB) natsServer{
		"in process":  func(t testing.TB) natsServer { return newInProcess(t) },
		"own process": func(t testing.TB) natsServer { return newOwnProcess(t) },
	} {
		t.Run(name, func(t *testing.T) { disturb(t, start(t), dir, want) })
	}
}

const ackWait = 3 * time.Second

func disturb(t *testing.T, s natsServer, dir, want string) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	enqueue := func() *exec.Cmd {
		cmd := command(dir, append([]string{"enqueue", "@photos.txt", "--server", s.url(), "--ack-wait", ackWait.String()}, questions...)...)
		cmd.Stderr = os.Stderr
		return cmd
	}
	first, second := enqueue(), enqueue()
	must(t, first.Start())
	must(t, second.Start())
	must(t, first.Wait())
	must(t, second.Wait())
	started := time.Now()
	c := newCrew(t, dir, s.url(), 4)
	forgotten := map[string]bool{} // notes about pictures that nobody asks about any more
	for i := range max(12, *pictures/60) {
		time.Sleep(time.Duration(200+random.IntN(800)) * time.Millisecond)
		for end := time.Now().Add(2 * ackWait); ; time.Sleep(50 * time.Millisecond) { // only killer.png may have three workers that die with it
			waiting := suspects(t, s.url(), forgotten)
			if len(waiting) < 2 {
				break
			}
			if time.Now().After(end) { // they have their answers: a worker died before it took its note away
				for _, subject := range waiting {
					forgotten[subject] = true
				}
			}
		}
		switch {
		case i%6 == 2:
			s.kill(t)
			time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
			s.start(t)
		case i%6 == 4: // stalls, until its pictures are given to others
			if stalled := c.signal(random, syscall.SIGSTOP); stalled != nil {
				time.AfterFunc(ackWait*3/2, func() { stalled.Signal(syscall.SIGCONT) })
			}
		case i == 5:
			c.signal(random, syscall.SIGTERM)
		case i == 7:
			must(t, enqueue().Run())
		default:
			c.signal(random, syscall.SIGKILL)
		}
	}
	t.Logf("disturbed for %v", time.Since(started))
	c.calm.Store(true)
	c.ended.Wait()
	t.Logf("done after %v", time.Since(started))

	again, err := enqueue().Output()
	if n := *pictures; err != nil || string(again) != fmt.Sprintf("%d pictures: 0 are queued now, 0 were in the queue, %d have their results\n", n, n) {
		t.Errorf("seed %d: enqueue at the end: %v, %s", seed, err, again)
	}
	out := filepath.Join(t.TempDir(), "out.jsonl")
	for range 2 { // the second time nothing changes
		collect := command(dir, "collect", "@photos.txt", "-o", out, "--server", s.url())
		text, _ := collect.CombinedOutput()
		if code := collect.ProcessState.ExitCode(); code != 3 {
			t.Fatalf("seed %d: collect: exit code %d\n%s", seed, code, text)
		}
		compare(t, seed, withoutTimes(read(t, out)), want)
	}
}

// compare shows the first lines that differ.
func compare(t *testing.T, seed uint64, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	t.Errorf("seed %d: %d records, want %d", seed, len(g)-1, len(w)-1)
	shown := 0
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] && shown < 5 {
			shown++
			t.Errorf("record %d: got\n%.400swant\n%.400s", i, g[i], w[i])
		}
	}
}
