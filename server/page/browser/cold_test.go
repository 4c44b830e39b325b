package browser

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// programVariable names the pgcli to start.
const programVariable = "PGCLI"

// TestFirstAnswer starts pgcli serve, opens its page in a browser that runs, presses the
// first example, and logs when the answer is on the page. It should be within a second;
// a busy machine fails no test.
func TestFirstAnswer(t *testing.T) {
	program := os.Getenv(programVariable)
	if program == "" {
		t.Skipf("%s names no program: make test-page does", programVariable)
	}
	b := newTab(t, look{})
	b.do(chromedp.Navigate("about:blank"))
	cmd := exec.Command(program, "serve", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	must(t, err)
	start := time.Now()
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // with an error if the browser still holds a connection
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	serves := time.Since(start)
	b.do(chromedp.Navigate(strings.TrimSpace(address)))
	b.until(`document.querySelector("#examples button")`)
	shows := time.Since(start)
	eval[chromedp.Void](b, `document.querySelector("#examples button").click()`)
	if got := b.answered(); got != "2 × moon" {
		t.Errorf("answer %q, want two moons", got)
	}
	t.Logf("first answer after %v: the server listens after %v, the page is there after %v", time.Since(start).Round(time.Millisecond), serves.Round(time.Millisecond), shows.Round(time.Millisecond))
}
