package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/infile"
)

// exportPictures reads the pictures that records name. Members of an archive, rows
// of a table and frames of a video are read in their order, which is the records', without a search.
type exportPictures struct {
	folder     string // that names are relative to
	containers flags.Containers

	container string // the archive, table or video that is open; "" for none
	next      func() (batch.Item, error, bool)
	stop      func()
}

// read returns the bytes of a picture's file. The error does not name it.
func (p *exportPictures) read(ctx context.Context, name string) ([]byte, error) {
	path := name
	if !filepath.IsAbs(name) && !strings.Contains(name, "://") {
		path = filepath.Join(p.folder, name)
	}
	container, _, inside := strings.Cut(path, "#")
	source := p.containers.Source(container)
	switch {
	case inside && source != nil:
		return p.member(ctx, container, path, source.Items(ctx))
	case strings.Contains(name, "://"):
		return nil, errors.New("the format holds pictures, which are not fetched from the network; copy them into a folder, or choose another format")
	}
	data, err := infile.Read(path, batch.MaxFile)
	return data, cause(err)
}

// member reads an item of an archive, a table or a video: from where the last one was, or else
// from the start.
func (p *exportPictures) member(ctx context.Context, container, path string, items iter.Seq2[batch.Item, error]) ([]byte, error) {
	for range 2 {
		fresh := p.container != container
		if fresh {
			p.close()
			p.container = container
			p.next, p.stop = iter.Pull2(items)
		}
		for {
			item, err, more := p.next()
			if !more {
				break
			}
			if err != nil {
				p.close()
				return nil, err
			}
			if item.Name == path {
				return item.Read(ctx)
			}
		}
		p.close()
		if fresh {
			break
		}
	}
	return nil, fmt.Errorf("%s has no such picture; for frames give --every or --fps as pgcli batch was given it", container)
}

// close closes what is open.
func (p *exportPictures) close() {
	if p.container != "" {
		p.stop()
		p.container = ""
	}
}
