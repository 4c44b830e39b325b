package flags

import (
	"cmp"
	"net/http"
	"os"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/s3"
	"github.com/urfave/cli/v2"
)

// InputFlags are the flags about inputs.
func InputFlags() []cli.Flag {
	return append(ContainerFlags(), EndpointFlag())
}

// EndpointFlag is the flag of Store.
func EndpointFlag() cli.Flag {
	return &cli.StringFlag{Name: "s3-endpoint", EnvVars: []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}, Usage: "`address` of the server of s3:// inputs, such as http://localhost:9000 (default: Amazon's)"}
}

// Store opens the server of buckets that flags and environment name.
func Store(c *cli.Context) (*s3.Store, error) {
	store, err := s3.Open(s3.Options{Endpoint: c.String("s3-endpoint"), Region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")), Credentials: bucketCredentials()})
	if err != nil {
		return nil, Usagef("--s3-endpoint: %v", err)
	}
	return store, nil
}

// bucket returns the pictures of s3://bucket/prefix.
func (in *Inputs) bucket(name string) (batch.Source, error) {
	if in.store == nil {
		store, err := Store(in.c)
		if err != nil {
			return nil, err
		}
		in.store = store
	}
	objects, err := in.store.Objects(name)
	if err != nil {
		return nil, Usagef("%v", err)
	}
	return objects, nil
}

// bucketCredentials finds credentials as other programs do: in the environment, in the
// files of their configuration, and, where the environment names one, from the service
// that gives roles to containers. Without any, buckets are read as the public reads them.
func bucketCredentials() *credentials.Credentials {
	chain := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.EnvMinio{}, &credentials.FileMinioClient{}}
	for _, name := range []string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		if os.Getenv(name) != "" {
			chain = append(chain, &credentials.IAM{Client: &http.Client{Timeout: 10 * time.Second}})
			break
		}
	}
	return credentials.NewChainCredentials(chain)
}
