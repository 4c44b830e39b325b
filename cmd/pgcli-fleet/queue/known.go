package queue

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// A keySet is a set of questions, 16 bytes each, by the first byte of their keys.
type keySet [256][][16]byte

// known returns the questions that have a result; without failures if those are tried
// again, whose results are removed.
func (q *Queue) known(ctx context.Context, withoutFailures bool) (*keySet, error) {
	var set keySet
	for first := range set {
		subjects := fmt.Sprintf("pgcli.%s.results.%02x.*.*", q.name, first)
		info, err := q.results.Info(ctx, jetstream.WithSubjectFilter(subjects))
		if err != nil {
			return nil, q.explain("stream of results", err)
		}
		for subject := range info.State.Subjects {
			key, failed, ok := q.resultOf(subject)
			if !ok {
				continue
			}
			if failed && withoutFailures {
				if err := q.results.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
					return nil, q.explain("stream of results", err)
				}
				continue
			}
			set[first] = append(set[first], key)
		}
		slices.SortFunc(set[first], compareKeys)
		set[first] = slices.Compact(set[first]) // an answer and a failure
	}
	return &set, nil
}

// resultOf takes a subject of a result apart.
func (q *Queue) resultOf(subject string) (key [16]byte, failed, ok bool) {
	rest, ok := strings.CutPrefix(subject, "pgcli."+q.name+".results.")
	words := strings.Split(rest, ".")
	if !ok || len(words) != 3 || words[2] != answerToken && words[2] != failureToken {
		return key, false, false
	}
	key, ok = parseKey(words[0] + words[1])
	failed = words[2] == failureToken
	return key, failed, ok && subject == q.resultSubject(hex.EncodeToString(key[:]), failed)
}

func parseKey(text string) (key [16]byte, ok bool) {
	data, err := hex.DecodeString(text)
	ok = err == nil && len(data) == len(key)
	copy(key[:], data)
	return key, ok
}

func compareKeys(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

// has reports whether a question is in the set, by its key.
func (s *keySet) has(key string) bool {
	k, ok := parseKey(key)
	if !ok {
		return false
	}
	_, found := slices.BinarySearchFunc(s[k[0]], k, compareKeys)
	return found
}
