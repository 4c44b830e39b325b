package queue

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/pgcli/paligemma/internal/newfile"
)

// An entry is a question and a version of its picture that has a result: the bytes of its
// key, and those of the version.
type entry [24]byte

// A resultSet is the set of all entries, in order, in a file: what memory it takes does not
// grow with it.
type resultSet struct {
	file   *newfile.File
	starts [257]int64 // of the entries whose keys begin with each byte, and the end
}

// known returns the results that there are; without failures if those are tried again,
// whose results are removed. The caller closes the set.
func (q *Queue) known(ctx context.Context, withoutFailures bool) (set *resultSet, err error) {
	set = &resultSet{}
	if set.file, err = newfile.Scratch(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			set.close()
		}
	}()
	for first := range 256 {
		part, err := q.part(ctx, first, withoutFailures)
		if err != nil {
			return nil, q.explain("stream of results", err)
		}
		set.starts[first+1] = set.starts[first] + int64(len(part))
		for _, e := range part {
			if _, err := set.file.Write(e[:]); err != nil {
				return nil, err
			}
		}
	}
	return set, nil
}

// part lists the entries whose keys begin with a byte, in order.
func (q *Queue) part(ctx context.Context, first int, withoutFailures bool) (all []entry, err error) {
	subjects := fmt.Sprintf("pgcli.%s.results.%02x.*.*.*", q.name, first)
	info, err := q.results.Info(ctx, jetstream.WithSubjectFilter(subjects))
	if err != nil {
		return nil, err
	}
	for subject := range info.State.Subjects {
		e, failed, ok := q.resultOf(subject)
		switch {
		case !ok: // collect removes it
		case failed && withoutFailures:
			if err := q.results.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
				return nil, err
			}
		default:
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(all), nil // an answer and a failure
}

// resultOf takes a subject of a result apart.
func (q *Queue) resultOf(subject string) (e entry, failed, ok bool) {
	rest, ok := strings.CutPrefix(subject, "pgcli."+q.name+".results.")
	words := strings.Split(rest, ".")
	if !ok || len(words) != 4 || words[3] != answerToken && words[3] != failureToken {
		return e, false, false
	}
	e, ok = entryOf(words[0]+words[1], words[2])
	failed = words[3] == failureToken
	return e, failed, ok && subject == q.resultSubject(e.key(), e.version(), failed)
}

// entryOf makes an entry of the texts of a subject; ok is false if they do not spell one.
func entryOf(key, version string) (e entry, ok bool) {
	data, err := hex.DecodeString(key + version)
	ok = err == nil && len(data) == len(e) && isVersion(version)
	copy(e[:], data)
	return e, ok
}

func (e entry) key() string     { return hex.EncodeToString(e[:16]) }
func (e entry) version() string { return hex.EncodeToString(e[16:]) }

// isVersion reports whether a text is a version of a reference, as part of a subject.
func isVersion(text string) bool {
	data, err := hex.DecodeString(text)
	return err == nil && len(data) == 8 && hex.EncodeToString(data) == text
}

// find reports whether a question has a result about a version of its picture. If it only
// has results about other versions, earlier is one of these versions.
func (s *resultSet) find(key, version string) (known bool, earlier string, err error) {
	want, ok := entryOf(key, version)
	if !ok {
		return false, "", fmt.Errorf("%q with version %q is no question", key, version)
	}
	first := want
	clear(first[16:])
	start := s.starts[want[0]]
	at := func(i int) (e entry) {
		if _, e2 := s.file.ReadAt(e[:], (start+int64(i))*int64(len(e))); e2 != nil {
			err = e2
		}
		return e
	}
	n := int(s.starts[int(want[0])+1] - start)
	for i := sort.Search(n, func(i int) bool { e := at(i); return bytes.Compare(e[:], first[:]) >= 0 }); i < n && err == nil; i++ {
		e := at(i)
		switch {
		case e == want:
			return true, "", err
		case !bytes.Equal(e[:16], want[:16]):
			return false, earlier, err
		}
		earlier = e.version()
	}
	return false, earlier, err
}

// close removes the file.
func (s *resultSet) close() { s.file.Close() }
