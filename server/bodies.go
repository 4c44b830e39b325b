package server

import (
	"context"
	"net/http"

	"github.com/pgcli/paligemma/internal/jsonl"
)

const (
	bodyUnit  = 1 << 20   // bytes of a body that is admitted by itself, and of a piece of room
	bodyRoom  = 256 << 20 // bytes of larger bodies at a time
	mostParts = 1 << 17   // values of a JSON body
)

// bodies bounds the memory of the bodies that are inside at a time. Without it, as many
// requests as may wait, with pictures of 30 MB each, take 10 GB: a body is parsed and
// decoded, and stays until its answer. Most are below bodyUnit, and wait for nobody.
type bodies struct {
	turn chan struct{} // full while a request takes room: nobody overtakes who waits for much
	room chan struct{} // an element for each bodyUnit that is taken
}

// newBodies returns the room for bodies of up to most bytes, of which one always fits.
func newBodies(most int64) *bodies {
	return &bodies{make(chan struct{}, 1), make(chan struct{}, max(bodyRoom, most)/bodyUnit+1)}
}

// take waits for the room of a request's body: by its Content-Length, or for most bytes if
// it has none. It returns how much to give back, also with an error, ctx's cause.
func (b *bodies) take(ctx context.Context, r *http.Request, most int64) (taken int, err error) {
	size := most
	if r.ContentLength >= 0 {
		size = min(size, r.ContentLength)
	}
	if size <= bodyUnit {
		return 0, nil
	}
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	for ; int64(taken)*bodyUnit < size; taken++ {
		select {
		case b.room <- struct{}{}:
		case <-ctx.Done():
			return taken, context.Cause(ctx)
		}
	}
	return taken, nil
}

// give gives room back.
func (b *bodies) give(taken int) {
	for range taken {
		<-b.room
	}
}

// checkParts refuses a JSON text of more than mostParts values, valid or not. Each takes
// many times its bytes once it is parsed: three bytes of [{},{},…] become a message.
func checkParts(data []byte) error {
	if jsonl.TooMany(data, mostParts) {
		return fail(http.StatusBadRequest, "the body has more than %d JSON values", mostParts)
	}
	return nil
}
