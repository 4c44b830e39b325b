package batch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/batch/internal/compact"
	"github.com/pgcli/paligemma/internal/infile"
)

// A Folder is the path of a folder. Its pictures are the files in it, and in the folders
// below it, whose names have a picture's ending, in the order of their names. Names that
// begin with a dot are left out, and links to folders are not followed. The names of one
// folder at a time are in memory, with 10 bytes more for each, and those of the folders
// above it.
type Folder string

// Items yields the pictures. A folder that cannot be listed ends them.
func (d Folder) Items(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		if _, err := eachPicture(ctx, string(d), func(path string) bool { return yield(file(path), nil) }); err != nil {
			yield(Item{}, err)
		}
	}
}

// Look counts the pictures, and other files, which are left out.
func (d Folder) Look(ctx context.Context) (pictures, others int, err error) {
	for e, err := range entries(string(d)) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return pictures, others, err
		}
		switch kindOf(string(d), e) {
		case aPicture:
			pictures++
		case aFolder:
			p, o, err := Folder(filepath.Join(string(d), e.Name())).Look(ctx)
			pictures, others = pictures+p, others+o
			if err != nil {
				return pictures, others, err
			}
		case aFile:
			others++
		}
	}
	return pictures, others, nil
}

// Kinds of entries of folders.
const (
	leftOut  byte = iota
	aFolder       // to be walked
	aPicture      // by its name
	aFile         // or anything else
)

// kindOf returns the kind of an entry of dir.
func kindOf(dir string, e fs.DirEntry) byte {
	hidden := strings.HasPrefix(e.Name(), ".")
	switch {
	case e.IsDir() && hidden:
		return leftOut
	case e.IsDir():
		return aFolder
	case hidden || !IsPicture(e.Name()) || leadsToFolder(filepath.Join(dir, e.Name()), e):
		return aFile
	}
	return aPicture
}

// leadsToFolder reports whether an entry is a link to a folder.
func leadsToFolder(path string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// entries yields the entries of a folder as they come.
func entries(dir string) iter.Seq2[fs.DirEntry, error] {
	return func(yield func(fs.DirEntry, error) bool) {
		f, err := infile.OpenFolder(dir)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		for {
			some, err := f.ReadDir(1 << 10)
			for _, e := range some {
				if !yield(e, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// eachPicture calls do with the paths of pictures until it returns false; more is false
// then.
func eachPicture(ctx context.Context, dir string, do func(path string) bool) (more bool, err error) {
	all, err := listed(ctx, dir, func(e fs.DirEntry) byte {
		if k := kindOf(dir, e); k != aFile {
			return k
		}
		return leftOut
	})
	if err != nil {
		return false, err
	}
	for kind, name := range all {
		path := filepath.Join(dir, name)
		if kind == aPicture {
			more = do(path)
		} else {
			more, err = eachPicture(ctx, path, do)
		}
		if !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// listed returns the names of a folder's entries in their order, with what kind returns
// about each, without those of kind 0.
func listed(ctx context.Context, dir string, kind func(fs.DirEntry) byte) (iter.Seq2[byte, string], error) {
	var (
		texts compact.Texts
		refs  []compact.Ref
	)
	for e, err := range entries(dir) {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		if k := kind(e); k != leftOut {
			refs = append(refs, texts.Add(string(rune(k))+e.Name()))
		}
	}
	slices.SortFunc(refs, func(a, b compact.Ref) int { return bytes.Compare(texts.At(a)[1:], texts.At(b)[1:]) })
	return func(yield func(byte, string) bool) {
		for _, r := range refs {
			if text := texts.At(r); !yield(text[0], string(text[1:])) {
				return
			}
		}
	}, nil
}

// Glob yields the paths that match a pattern, as filepath.Glob does, in their order; but a
// folder that cannot be listed is an error. The names of one folder at a time are in memory.
func Glob(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		dir, last := filepath.Split(pattern)
		dirs, err := filepath.Glob(filepath.Clean(dir))
		if err == nil {
			_, err = filepath.Match(last, "")
		}
		if err != nil {
			yield("", fmt.Errorf("pattern %q: %w", pattern, err))
			return
		}
		for _, dir := range dirs {
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				continue
			}
			all, err := listed(ctx, dir, func(e fs.DirEntry) byte {
				if ok, _ := filepath.Match(last, e.Name()); ok {
					return aFile
				}
				return leftOut
			})
			if err != nil {
				yield("", err)
				return
			}
			for _, name := range all {
				if !yield(filepath.Join(dir, name), nil) {
					return
				}
			}
		}
	}
}
