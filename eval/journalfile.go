package eval

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/internal/jsonl"
	"github.com/pgcli/paligemma/internal/newfile"
)

// settingsStart begins every journal.
const settingsStart = `{"settings":`

// read reads the file, or begins it. A last line that was cut, because a run was
// killed while it wrote, is removed.
func (j *Journal) read(ctx context.Context, settings []Setting) error {
	var had []Setting
	lines := jsonl.NewReader(j.file)
	for n := 1; ; n++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		line, err := lines.Next()
		if err == io.EOF || err == jsonl.ErrTorn {
			if n == 1 && !strings.HasPrefix(settingsStart, string(line[:min(len(line), len(settingsStart))])) {
				return j.foreign(line)
			}
			break
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", j.Path(), n, err)
		}
		if n == 1 {
			var first struct{ Settings *[]Setting }
			if jsonl.Check(line) != nil || json.Unmarshal(line, &first) != nil || first.Settings == nil {
				return j.foreign(line)
			}
			had = *first.Settings
			j.end = int64(len(line))
			continue
		}
		_, a, err := parseEntry(line)
		if err != nil {
			return fmt.Errorf("%s:%d: %w; remove the file to start over", j.Path(), n, err)
		}
		j.entries[a.Line] = entry{j.end, int64(len(line))}
		j.end += int64(len(line))
	}
	j.earlier = len(j.entries)
	if err := sameSettings(had, settings); j.earlier > 0 && err != nil {
		return fmt.Errorf("%s has %d answers of another run, %w; go on with that run's data set, model and flags, or remove the file", j.Path(), j.earlier, err)
	}
	if err := j.file.Truncate(j.end); err != nil {
		return err
	}
	if j.earlier > 0 {
		return nil
	}
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	line, err := jsonl.Encode(struct {
		Settings []Setting `json:"settings"`
	}{settings})
	if err != nil {
		return err
	}
	if _, err := j.file.WriteAt(line, 0); err != nil {
		return fmt.Errorf("answers: %w", errors.Join(err, j.file.Truncate(0)))
	}
	j.end = int64(len(line))
	return nil
}

// leave closes a journal that cannot be used, and removes it if it is empty.
func (j *Journal) leave() error {
	if info, err := j.file.Stat(); err == nil && info.Size() == 0 {
		return j.discard()
	}
	return j.file.Close()
}

// foreign is the error about a file that begins with another line than a journal.
func (j *Journal) foreign(line []byte) error {
	return fmt.Errorf("%s begins with %.60q, want the settings of a run: it is no journal of this version; remove or rename it", j.Path(), line)
}

// sameSettings names the first setting that differs.
func sameSettings(had, settings []Setting) error {
	for i, s := range settings {
		if i >= len(had) || had[i].Name != s.Name {
			break
		}
		if had[i].Value != s.Value {
			return fmt.Errorf("whose %s is %.80q, and is %.80q now", s.Name, had[i].Value, s.Value)
		}
	}
	if len(had) != len(settings) {
		return errors.New("with other settings")
	}
	return nil
}

// Finish writes the answers in the order of the data set, each as the JSON of an
// [Answered] on a line, to a file that gets its name when it is complete, and removes
// the journal. When ctx ends before, the journal stays.
func (j *Journal) Finish(ctx context.Context) error {
	err := j.finish(ctx)
	if err != nil {
		return fmt.Errorf("eval: answers: %w", err)
	}
	return j.discard()
}

func (j *Journal) finish(ctx context.Context) error {
	f, err := newfile.Create(j.path, j.replace)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for _, n := range slices.Sorted(maps.Keys(j.entries)) {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		at := j.entries[n]
		data := make([]byte, at.length)
		if _, err := j.file.ReadAt(data, at.start); err != nil {
			return err
		}
		line, _, err := parseEntry(data)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line.Answer, '\n')); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Commit()
}

// discard removes the journal. Windows cannot remove it while it is open.
func (j *Journal) discard() error {
	err := os.Remove(j.Path())
	closed := j.file.Close()
	if err != nil {
		err = os.Remove(j.Path())
	}
	return errors.Join(closed, err)
}

// Close closes the journal of a run that was stopped, which keeps its answers; one
// without any is removed. It is safe on nil and after Finish.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	if len(j.entries) == 0 {
		err := j.discard()
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		return err
	}
	err := errors.Join(j.file.Sync(), j.file.Close())
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
