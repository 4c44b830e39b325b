package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// bodyOf returns a request with a body of a length; -1 is not known.
func bodyOf(length int64) *http.Request { return &http.Request{ContentLength: length} }

// TestRoomForBodies takes as much as there is: small bodies need none, one that finds no
// room waits, in turn, and one that leaves gives back what it had got.
func TestRoomForBodies(t *testing.T) {
	const most = 32 << 20
	b := newBodies(most)
	all := 0
	for _, length := range []int64{-1, most, 10 * most, 150 << 20, bodyUnit + 1} { // the third is refused at most bytes
		n, err := b.take(t.Context(), bodyOf(length), most)
		must(t, err)
		all += n
	}
	if all != 32+32+32+32+2 {
		t.Errorf("%d MiB are taken, want 130", all)
	}
	for len(b.room) < cap(b.room)-1 {
		b.room <- struct{}{}
		all++
	}
	for _, length := range []int64{0, 100, bodyUnit} {
		if n, err := b.take(t.Context(), bodyOf(length), most); n != 0 || err != nil {
			t.Errorf("a body of %d bytes takes %d, %v, want none", length, n, err)
		}
	}
	left, cancel := context.WithCancelCause(t.Context())
	waits := make(chan error, 2)
	go func() {
		n, err := b.take(left, bodyOf(-1), most)
		b.give(n)
		waits <- err
	}()
	until(t, "it takes what is left", func() bool { return len(b.room) == cap(b.room) })
	go func() {
		_, err := b.take(left, bodyOf(2*bodyUnit), most)
		waits <- err
	}()
	cancel(errTimeout)
	for range 2 {
		if err := <-waits; !errors.Is(err, errTimeout) {
			t.Errorf("who leaves has %v", err)
		}
	}
	b.give(all)
	if len(b.room) != 0 || len(b.turn) != 0 {
		t.Errorf("%d MiB are taken by nobody", len(b.room))
	}
	if b := newBodies(1 << 34); cap(b.room) < 1<<34/bodyUnit {
		t.Errorf("room for %d MiB, and one body may have more", cap(b.room))
	}
}

// TestLargeBodiesWait while others have all the room; small ones go by, and all of it is
// given back, whatever the answer is.
func TestLargeBodiesWait(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	large := func(name string) []byte {
		data, err := json.Marshal(map[string]any{"image": dataURI(file) + strings.Repeat("\n", 3<<20), name: "en"})
		must(t, err)
		return data
	}
	for range cap(s.bodies.room) {
		s.bodies.room <- struct{}{}
	}
	s.post("/v1/caption", map[string]any{"image": dataURI(file)}, 200, nil)
	answers := make(chan string, 3)
	for _, name := range []string{"language", "langage", "max_tokens"} {
		go func() {
			w, _ := s.send("POST", "/v1/caption", large(name))
			answers <- fmt.Sprint(w.StatusCode)
		}()
	}
	until(t, "they wait", func() bool { _, waiting := s.queue.load(); return waiting == 3 })
	s.bodies.give(cap(s.bodies.room))
	got := map[string]int{}
	for range 3 {
		got[<-answers]++
	}
	if got["200"] != 1 || got["400"] != 2 {
		t.Errorf("statuses %v, want one 200 and two 400", got)
	}
	until(t, "all room is given back", func() bool { return len(s.bodies.room) == 0 })
}
