// Package s3 finds pictures in buckets of S3 and of servers that speak its protocol, as a
// source of package batch:
//
//	store, err := s3.Open(s3.Options{})
//	photos, err := store.Objects("s3://bucket/photos/")
//	sources := []batch.Source{photos}
//
// It is a package of its own because it opens connections.
package s3

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/pgcli/paligemma/batch"
)

// Scheme begins the names of objects: s3://bucket/key.
const Scheme = "s3://"

// Options say where buckets are. The zero value is for public ones at Amazon.
type Options struct {
	Endpoint    string                   // address of the server, such as http://localhost:9000; "" means Amazon's
	Region      string                   // of the buckets; "" asks the server
	Credentials *credentials.Credentials // nil for none
	Patience    time.Duration            // how long an object's next bytes are waited for; 0 means 30 seconds
}

// endpoint is Options.Endpoint if that is "".
const endpoint = "https://s3.amazonaws.com"

// A Store is a server with buckets.
type Store struct {
	core     minio.Core
	patience time.Duration
}

// Open returns a Store. It connects to nothing.
func Open(o Options) (*Store, error) {
	if o.Endpoint == "" {
		o.Endpoint = endpoint
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("S3 endpoint %q is no address of a server, want one such as http://localhost:9000", o.Endpoint)
	}
	if o.Credentials == nil {
		o.Credentials = credentials.NewStaticV4("", "", "")
	}
	core, err := minio.NewCore(u.Host, &minio.Options{Creds: o.Credentials, Secure: u.Scheme == "https", Region: o.Region, MaxRetries: 4})
	if err != nil {
		return nil, fmt.Errorf("S3 endpoint %q: %w", o.Endpoint, err)
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	return &Store{*core, o.Patience}, nil
}

// Objects are the objects of a bucket whose keys begin with a prefix. Its pictures are
// those with a picture's ending, in the order of their keys; their names are s3://, the
// bucket, and the key.
type Objects struct {
	Store  *Store
	Bucket string
	Prefix string // "" for all
}

// Objects reads a name such as s3://bucket/prefix.
func (s *Store) Objects(name string) (o Objects, err error) {
	rest, ok := strings.CutPrefix(name, Scheme)
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return o, fmt.Errorf("%q names no bucket, want s3://bucket or s3://bucket/prefix", name)
	}
	return Objects{s, bucket, prefix}, nil
}

// Items lists the bucket, and yields the pictures. Their bytes are read by Item.Read
// alone. An object that was changed since it was listed is an item whose Read fails.
func (o Objects) Items(ctx context.Context) iter.Seq2[batch.Item, error] {
	return func(yield func(batch.Item, error) bool) {
		found := 0
		for info := range o.Store.core.ListObjectsIter(ctx, o.Bucket, minio.ListObjectsOptions{Prefix: o.Prefix, Recursive: true}) {
			if err := context.Cause(ctx); err != nil {
				yield(batch.Item{}, err)
				return
			}
			if info.Err != nil {
				yield(batch.Item{}, fmt.Errorf("%s%s/%s: %w", Scheme, o.Bucket, o.Prefix, explain(info.Err)))
				return
			}
			base := path.Base(info.Key)
			if strings.HasSuffix(info.Key, "/") || strings.HasPrefix(base, ".") || !batch.IsPicture(base) {
				continue
			}
			found++
			read := func(ctx context.Context) ([]byte, error) { return o.Store.read(ctx, o.Bucket, info) }
			name := Scheme + o.Bucket + "/" + info.Key
			refer := func() (batch.Reference, error) {
				return batch.Reference{File: name, Version: batch.Version(info.Size, info.ETag, info.LastModified.UnixNano())}, nil
			}
			if !yield(batch.Item{Name: name, Read: read, Refer: refer}, nil) {
				return
			}
		}
		switch err := context.Cause(ctx); {
		case err != nil: // which ends a listing without an error
			yield(batch.Item{}, err)
		case found == 0:
			yield(batch.Item{}, fmt.Errorf("%s%s/%s: no pictures, by the endings of the objects' keys", Scheme, o.Bucket, o.Prefix))
		}
	}
}

// explain says what an error of the server asks for.
func explain(err error) error {
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return err
	}
	hint := ""
	switch r.Code {
	case minio.AccessDenied:
		hint = "; these credentials may not read it: see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch":
		hint = "; the credentials are wrong: see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	case minio.PreconditionFailed:
		hint = "; it was changed since the bucket was listed: start again"
	case minio.NoSuchKey:
		hint = "; it was removed since the bucket was listed"
	}
	message := r.Message
	if message == "" {
		message = "the server gives no reason"
	}
	return fmt.Errorf("%w (%s, HTTP %d)%s", err, r.Code, r.StatusCode, hint)
}
