package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// checkDockerfile fails at whatever `docker build --check` would warn of.
func checkDockerfile(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	source := llb.NewSourceMap(nil, filepath.Base(file), "Dockerfile", text)
	source.Definition = &llb.Definition{}
	found, err := dockerfile2llb.DockerfileLint(ctx, text, dockerfile2llb.ConvertOpt{SourceMap: source, MetaResolver: anyImage{}})
	if err != nil {
		return err
	}
	var all []error
	if found.Error != nil {
		all = append(all, errors.New(file+": "+found.Error.Message))
	}
	for _, w := range found.Warnings {
		all = append(all, fmt.Errorf("%s:%d: %s: %s", file, line(w), w.RuleName, w.Detail))
	}
	return errors.Join(all...)
}

func line(w lint.Warning) int32 {
	for _, r := range w.Location.GetRanges() {
		return r.GetStart().GetLine()
	}
	return 0
}

// anyImage stands for a registry: every base image is there, for this platform.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	image, err := json.Marshal(ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: runtime.GOARCH}})
	return ref, digest.FromBytes(image), image, err
}
