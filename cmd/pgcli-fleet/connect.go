package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/cmd/pgcli-fleet/queue"
)

// serverFlags have the names of the flags of NATS' own command.
func serverFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "server", EnvVars: []string{"NATS_URL"}, Value: nats.DefaultURL, Usage: "`URL` of the NATS server, or several with commas between"},
		&cli.PathFlag{Name: "creds", EnvVars: []string{"NATS_CREDS"}, Usage: "`file` of the credentials of NATS"},
		&cli.PathFlag{Name: "tlsca", EnvVars: []string{"NATS_CA"}, Usage: "`file` of the certificate authority of the server"},
		&cli.PathFlag{Name: "tlscert", EnvVars: []string{"NATS_CERT"}, Usage: "`file` of this program's certificate"},
		&cli.PathFlag{Name: "tlskey", EnvVars: []string{"NATS_KEY"}, Usage: "`file` of its key"},
		&cli.StringFlag{Name: "queue", Value: "default", Usage: "`name` of the queue: one for each model and its flags"},
	}
}

// modelFlags name the model.
func modelFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.PathFlag{Name: "model", Aliases: []string{"m"}, EnvVars: []string{flags.ModelVariable}, Usage: "GGUF `file` of the model (default: the embedded tiny model)"},
		&cli.PathFlag{Name: "mmproj", Usage: "GGUF `file` of the vision tower, if the file of -m has the language model alone (default: mmproj*.gguf beside it)"},
	}, flags.HubFlags()...)
}

// fetchModel fetches the model that -hf names, and gives it to -m; without -hf it does
// nothing.
func fetchModel(c *cli.Context, logger *slog.Logger) error {
	n, given, err := flags.HubName(c)
	if err != nil || !given {
		return err
	}
	h, err := flags.NewHub(c)
	if err != nil {
		return err
	}
	tenths := map[string]int64{}
	var mu sync.Mutex
	h.Progress = func(file string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if tenth := 10 * done / max(total, 1); tenth > tenths[file] {
			tenths[file] = tenth
			logger.Info("fetching", "file", file, "percent", 10*tenth, "bytes", total)
		}
	}
	s, err := flags.Snapshot(c, h, n)
	if err != nil {
		return err
	}
	path, err := flags.FetchGGUF(c, s, n)
	if err == nil && path == "" {
		err = fmt.Errorf("%s has no GGUF file: convert it with pgcli convert hf://%s, and give its file with -m", n.Repo, n.Repo)
	}
	return err
}

// openQueue connects to the server, and opens the queue that the flags name. The caller
// closes the connection.
func openQueue(c *cli.Context, logger *slog.Logger) (*queue.Queue, *nats.Conn, error) {
	nc, err := connect(c, logger)
	if err != nil {
		return nil, nil, err
	}
	q, err := queue.Open(c.Context, nc, c.String("queue"))
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return q, nc, nil
}

// connect connects to the server. A connection that breaks later is made again.
func connect(c *cli.Context, logger *slog.Logger) (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name("pgcli-fleet " + c.Command.Name), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond), nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.Warn("the connection to the server broke, and is made again", "error", err)
			}
		}),
	}
	if path := c.Path("creds"); path != "" {
		options = append(options, nats.UserCredentials(path))
	}
	if path := c.Path("tlsca"); path != "" {
		options = append(options, nats.RootCAs(path))
	}
	cert, key := c.Path("tlscert"), c.Path("tlskey")
	if (cert == "") != (key == "") {
		return nil, flags.Usagef("--tlscert and --tlskey go together")
	}
	if cert != "" {
		options = append(options, nats.ClientCert(cert, key))
	}
	nc, err := dial(c.Context, c.String("server"), options)
	if cause := context.Cause(c.Context); cause != nil {
		nc.Close()
		return nil, cause
	}
	if err != nil {
		return nil, fmt.Errorf("NATS server %s: %w; start one with nats-server -c deploy/nats.conf, or name another with --server", withoutPasswords(c.String("server")), err)
	}
	return nc, nil
}

// dial connects to the first of some servers that answers, each of which may take seconds, and
// leaves that behind when ctx ends: the client has no context for it.
func dial(ctx context.Context, servers string, options []nats.Option) (*nats.Conn, error) {
	var nc *nats.Conn
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err = nats.Connect(servers, options...)
	}()
	select {
	case <-done:
		return nc, err
	case <-ctx.Done():
		go func() { <-done; nc.Close() }()
		return nil, context.Cause(ctx)
	}
}

// withoutPasswords returns addresses of servers for messages.
func withoutPasswords(servers string) string {
	all := strings.Split(servers, ",")
	for i, s := range all {
		if _, host, ok := strings.Cut(s, "@"); ok {
			all[i] = "...@" + host
		}
	}
	return strings.Join(all, ",")
}

// newLog returns the log of what happens beside the answers.
func newLog(c *cli.Context) *slog.Logger { return slog.New(slog.NewTextHandler(c.App.ErrWriter, nil)) }
