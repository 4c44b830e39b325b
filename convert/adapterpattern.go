package convert

import (
	"fmt"
	"regexp"
)

// patterns are the entries of a JSON object whose keys are regular expressions
// over the ends of module names. The first that matches decides, so that the
// order of the file matters.
type patterns[T any] []pattern[T]

type pattern[T any] struct {
	expr  *regexp.Regexp
	value T
}

func (p *patterns[T]) UnmarshalJSON(data []byte) error {
	*p = nil
	if string(data) == "null" {
		return nil
	}
	all, err := members(data)
	if err != nil {
		return fmt.Errorf("pattern list is %.40s, want an object", data)
	}
	for _, m := range all {
		// PEFT's own expression, see get_pattern_key.
		expr, err := pythonRegexp(`^(.*\.)?(%s)$`, m.name)
		if err != nil {
			return err
		}
		var value T
		if err := unmarshal(fmt.Sprintf("pattern %q", m.name), m.value, &value); err != nil {
			return err
		}
		*p = append(*p, pattern[T]{expr, value})
	}
	return nil
}

func (p patterns[T]) find(module string, fallback T) T {
	for _, entry := range p {
		if entry.expr.MatchString(module) {
			return entry.value
		}
	}
	return fallback
}
