// Command kubernetes reads manifests as a Kubernetes server does, strictly: a kind, a
// field or a value that its API does not have, and a field that is there twice, are
// errors. It gives the scripts of containers to shellcheck. Run it in this folder, a
// module of its own:
//
//	go run . ../../deploy/*.yaml
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	var errs []error
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	if len(os.Args) == 1 {
		errs = append(errs, errors.New("no manifest is named"))
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check checks the documents of a file.
func check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	codecs := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict)
	documents := yaml.NewDocumentDecoder(f)
	buf := make([]byte, 1<<20)
	count := 0
	for {
		n, err := documents.Read(buf)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(buf[:n])) == 0 {
			continue
		}
		object, kind, err := codecs.UniversalDeserializer().Decode(buf[:n], nil, nil)
		if err != nil {
			return err
		}
		if err := scripts(object); err != nil {
			return fmt.Errorf("%s: %w", kind.Kind, err)
		}
		fmt.Printf("%s: %s %s\n", path, kind.GroupVersion(), kind.Kind)
		count++
	}
	if count == 0 {
		return errors.New("no document in it")
	}
	return nil
}

// scripts gives the scripts of a Job's containers to shellcheck.
func scripts(object runtime.Object) error {
	job, ok := object.(*batch.Job)
	if !ok {
		return nil
	}
	for _, c := range append(append([]core.Container{}, job.Spec.Template.Spec.InitContainers...), job.Spec.Template.Spec.Containers...) {
		if len(c.Command) != 3 || c.Command[0] != "sh" || c.Command[1] != "-c" {
			continue
		}
		cmd := exec.Command("shellcheck", "--shell=sh", "-")
		cmd.Stdin = bytes.NewReader([]byte(c.Command[2]))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("script of container %s: %w\n%s", c.Name, err, out)
		}
	}
	return nil
}
