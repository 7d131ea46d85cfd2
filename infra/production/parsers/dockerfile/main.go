// Reads a Dockerfile with BuildKit's frontend and says what its linter warns of, as `docker build --check` does. Images
// are not asked for: of an image that another is made from only the name is looked at.
//
//	dockerfile FILE [ARGUMENT=VALUE]...
//
// Exit code 0: nothing. 1: it says what. 2: wrong usage.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: dockerfile FILE [ARGUMENT=VALUE]...")
		os.Exit(2)
	}
	problems, err := problemsOf(os.Args[1], os.Args[2:])
	if err != nil {
		problems = append(problems, err.Error())
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

func problemsOf(file string, arguments []string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	given := map[string]string{}
	for _, argument := range arguments {
		name, value, _ := strings.Cut(argument, "=")
		given[name] = value
	}
	source := llb.NewSourceMap(nil, file, "Dockerfile", text)
	source.Definition = &llb.Definition{}
	results, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{
		Config:       dockerui.Config{BuildArgs: given},
		SourceMap:    source,
		MetaResolver: anyImage{},
	})
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, warning := range results.Warnings {
		problems = append(problems, fmt.Sprintf("%s%s: %s", lineOf(warning.Location), warning.RuleName, warning.Detail))
	}
	if results.Error != nil {
		problems = append(problems, lineOf(&results.Error.Location)+results.Error.Message)
	}
	return problems, nil
}

func lineOf(location *pb.Location) string {
	ranges := location.GetRanges()
	if len(ranges) == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: ", ranges[0].GetStart().GetLine())
}

// Every image is there whose name has a version. A stage that no line names is taken for an image without one.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, name string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	if strings.HasSuffix(name, ":latest") {
		return "", "", nil, fmt.Errorf("%s is no stage, and an image without a version", name)
	}
	return name, "", []byte(`{"architecture":"amd64","os":"linux"}`), nil
}
