//go:build !unix

package main

// ownerOnly calls f: files have no mode here.
func ownerOnly(f func()) { f() }
