// Reads Compose files with the loader of Docker Compose itself (schema, interpolation, merging, what refers to what) and
// says what is wrong with them.
//
//	compose ENV_FILE FILE...
//
// Exit code 0: nothing. 1: it says what. 2: wrong usage.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/sirupsen/logrus"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: compose ENV_FILE FILE...")
		os.Exit(2)
	}
	complaints := &complaints{}
	logrus.AddHook(complaints)
	names, err := load(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	// A variable that nothing gives a value is only warned of.
	if len(complaints.texts) > 0 {
		for _, text := range complaints.texts {
			fmt.Println(text)
		}
		os.Exit(1)
	}
	fmt.Printf("%d services\n", len(names))
}

// Of every profile, as one that is seldom run would be wrong for long. Nothing of this process's environment is filled in.
func load(envFile string, files []string) ([]string, error) {
	options, err := cli.NewProjectOptions(files,
		cli.WithWorkingDirectory(filepath.Dir(files[0])),
		cli.WithEnvFiles(envFile),
		cli.WithDotEnv,
		cli.WithProfiles([]string{"*"}),
	)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.ServiceNames(), nil
}

type complaints struct{ texts []string }

func (c *complaints) Levels() []logrus.Level {
	return []logrus.Level{logrus.WarnLevel, logrus.ErrorLevel}
}

func (c *complaints) Fire(entry *logrus.Entry) error {
	c.texts = append(c.texts, entry.Message)
	return nil
}
