//go:build !cgo

package main

const builtIn = false
