//go:build !linux

package hub_test

import "errors"

func mountSmall(string, string) error { return errors.ErrUnsupported }
func unmountSmall(string)             {}
