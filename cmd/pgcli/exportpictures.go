package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/infile"
)

// exportPictures reads the pictures that records name. Members of an archive, rows of a table
// and frames of a video are read without a search, since records have their order.
type exportPictures struct {
	folder     string // that names are relative to
	containers flags.Containers

	container string // the archive, table or video that is open; "" for none
	next      func() (batch.Item, error, bool)
	stop      func()
}

// read returns the bytes of a picture's file. The error does not name it.
func (p *exportPictures) read(ctx context.Context, name string) ([]byte, error) {
	if strings.Contains(name, "://") {
		return nil, errors.New("the format holds pictures, which are not fetched from the network; copy them into a folder, or choose another format")
	}
	if container, member, ok := p.split(name); ok {
		source := p.containers.Source(container)
		return p.member(ctx, container, container+"#"+member, source.Items(ctx))
	}
	data, err := infile.ReadContext(ctx, p.path(name), batch.MaxFile)
	return data, cause(err)
}

// path returns where a file lies.
func (p *exportPictures) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.folder, name)
}

// maxPath is the longest path of a file, in bytes, on the systems that have a bound.
const maxPath = 4096

// split returns the path of the archive, table or video of a name, and the member. Names of
// folders, of files and of members may have a # in them, and members dots that a path would
// lose. A container that is gone is one only if no file has the whole name.
func (p *exportPictures) split(name string) (container, member string, ok bool) {
	for at, c := range name {
		if at > maxPath {
			break // each # is looked at with all before it
		}
		if c != '#' || p.containers.Source(name[:at]) == nil {
			continue
		}
		path := filepath.ToSlash(p.path(name[:at])) // as the source names its items
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, name[at+1:], true
		}
		if !ok {
			container, member, ok = path, name[at+1:], true
		}
	}
	if _, err := os.Stat(p.path(name)); err == nil {
		return "", "", false
	}
	return container, member, ok
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
	if err := context.Cause(ctx); err != nil {
		return nil, err
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
