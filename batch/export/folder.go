package export

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/pgcli/paligemma/internal/newfile"
)

// A folder is a Sink's folder, which gets its name when it is complete.
type folder struct {
	path string
	temp string
	lock *os.File // in temp: tells other exports that this one lives
	done bool
}

// lockName is the name of folder.lock.
const lockName = ".lock"

// createFolder starts a folder. One that exists must be empty: an export never
// removes what others wrote.
func createFolder(path string) (*folder, error) {
	path = filepath.Clean(path)
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s exists and is no folder; name a new one", path)
	}
	switch entries, err := os.ReadDir(path); {
	case err == nil && len(entries) > 0:
		return nil, fmt.Errorf("folder %s exists and is not empty; name a new one, or remove it", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil { // a link to an empty folder stays
		path = real
	} else if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is a link to nothing; name a new folder, or make the one that it leads to", path)
	}
	removeAbandoned(path)
	temp, err := os.MkdirTemp(filepath.Dir(path), filepath.Base(path)+".*"+partial)
	if err != nil {
		return nil, newfile.Explain(path, err)
	}
	f := &folder{path: path, temp: temp}
	if f.lock, err = newfile.Lock(filepath.Join(temp, lockName)); err == nil || errors.Is(err, errors.ErrUnsupported) {
		err = os.Chmod(temp, 0o777&^umask(temp))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// partial ends the name of a folder that is not complete.
const partial = ".partial"

// removeAbandoned removes the folders that killed exports to path left: those with a lock
// that nobody holds.
func removeAbandoned(path string) {
	dir := filepath.Dir(path)
	entries, _ := os.ReadDir(dir) // an error shows itself when the folder is made
	for _, e := range entries {
		random, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		random, ok2 := strings.CutSuffix(random, partial)
		if !ok || !ok2 || !e.IsDir() || random == "" || strings.Trim(random, "0123456789") != "" {
			continue
		}
		temp := filepath.Join(dir, e.Name())
		if newfile.Abandoned(filepath.Join(temp, lockName)) {
			os.RemoveAll(temp)
		}
	}
}

// umask returns the permissions that new folders in temp's place lack.
func umask(temp string) fs.FileMode {
	probe := filepath.Join(temp, "x")
	if os.Mkdir(probe, 0o777) != nil {
		return 0o077
	}
	defer os.Remove(probe)
	info, err := os.Stat(probe)
	if err != nil {
		return 0o077
	}
	return ^info.Mode() & 0o777
}

// Finish gives the folder its name, on Linux once it is on the disk. What another program wrote
// there meanwhile stays, and is a newfile.ErrExists.
func (f *folder) Finish() error {
	if err := newfile.SyncFolder(f.temp); err != nil {
		return f.named(err)
	}
	if err := f.unlock(); err != nil {
		return err
	}
	err := newfile.RenameFolder(f.temp, f.path)
	if err != nil {
		return cmp.Or(f.vacant(), err)
	}
	f.done = true
	return nil
}

// vacant returns a newfile.ErrExists if something else than an empty folder is in the
// folder's place.
func (f *folder) vacant() error {
	info, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var entries []fs.DirEntry
	if err == nil && info.IsDir() {
		entries, err = os.ReadDir(f.path)
	}
	if err == nil && (!info.IsDir() || len(entries) > 0) {
		err = fmt.Errorf("%s %w: it appeared while the export ran; name a new folder", f.path, newfile.ErrExists)
	}
	return err
}

// unlock removes the lock, which is no part of the folder. It holds it until then: a folder whose
// lock nobody holds is another export's to remove.
func (f *folder) unlock() error {
	if f.lock == nil {
		return nil
	}
	lock := f.lock
	f.lock = nil
	return errors.Join(newfile.Remove(lock.Name()), lock.Close())
}

// Close removes a folder without its name.
func (f *folder) Close() error {
	if f.done {
		return nil
	}
	err := f.unlock()
	return errors.Join(err, os.RemoveAll(f.temp))
}

// write writes a new file in the folder, whose name has slashes.
func (f *folder) write(name string, write func(io.Writer) error) error {
	path := filepath.Join(f.temp, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return f.named(err)
	}
	out, err := newfile.Make(path)
	if err != nil {
		return f.named(err)
	}
	return f.named(cmp.Or(write(out), out.Close()))
}

// named makes an error about a file of the temporary folder one about the file that it becomes.
func (f *folder) named(err error) error {
	var op *fs.PathError
	if errors.As(err, &op) {
		if name, ok := strings.CutPrefix(op.Path, f.temp); ok {
			op.Path = f.path + name
		}
	}
	return err
}

// bytes returns a function for write.
func bytes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// longestStem bounds the names of files, in bytes: file systems allow 255.
const longestStem = 150

// stems gives each picture a file name without ending that is safe on all systems and
// shared with no other: the picture's path with __ for separators, and a part of its
// hash if that is not unique.
type stems map[uint64]bool

func (s stems) of(picture string) string {
	ext := filepath.Ext(picture)
	if len(ext) > 5 || strings.ContainsAny(ext, "/\\#=") {
		ext = ""
	}
	stem := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.+,@", r) {
			return r
		}
		return '_'
	}, strings.NewReplacer("/", "__", "\\", "__").Replace(strings.TrimLeft(strings.TrimSuffix(picture, ext), "./\\")))
	key := func() uint64 { return hash(strings.ToLower(stem)) }
	if stem == "" || len(stem) > longestStem || strings.HasSuffix(stem, ".") || s[key()] {
		sum := sha256.Sum256([]byte(picture))
		stem = strings.ToValidUTF8(stem[:min(len(stem), longestStem)], "") + "-" + hex.EncodeToString(sum[:8])
	}
	s[key()] = true
	return stem
}
