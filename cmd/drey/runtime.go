package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"drey/driver/local"
	"drey/runtimes"
)

// runtimeCmd is `drey runtime`.
type runtimeCmd struct {
	List    runtimeListCmd    `cmd:"" help:"List the runtimes and which are installed."`
	Install runtimeInstallCmd `cmd:"" help:"Install a runtime."`
}

type runtimeListCmd struct {
	dataDir
}

func library(dataDir string) runtimes.Library {
	return runtimes.Library{Dir: filepath.Join(dataDir, "runtimes")}
}

// Run lists.
func (c *runtimeListCmd) Run() error {
	for _, name := range runtimes.Names() {
		r, err := runtimes.Lookup(name)
		if err != nil {
			return err
		}
		state := "not installed; drey runtime install " + name
		if d, err := library(c.DataDir).Find(name); err == nil {
			state = "installed in " + d.Home
		}
		fmt.Printf("%-12s Flink %-8s %s\n", name, r.Flink, state)
	}
	return nil
}

type runtimeInstallCmd struct {
	dataDir
	Name string `arg:"" help:"Runtime environment, e.g. FLINK-1_18."`
	From string `help:"Take Flink from this official tarball or folder instead of fetching it." type:"existingpath" placeholder:"PATH"`

	Python bool `help:"Install Python and PyFlink too, for Python applications (500 MB)."`
}

// Help shows how to use it.
func (runtimeInstallCmd) Help() string {
	return `Examples:
  drey runtime install FLINK-1_18
  drey runtime install FLINK-1_18 --from flink-1.18.1-bin-scala_2.12.tgz
  drey runtime install FLINK-1_20 --python`
}

// Run installs and prepares.
func (c *runtimeInstallCmd) Run(ctx context.Context) error {
	began := time.Now()
	say := func(format string, args ...any) {
		fmt.Printf("%6.1fs  "+format+"\n", append([]any{time.Since(began).Seconds()}, args...)...)
	}
	lib := library(c.DataDir)
	if _, err := lib.Find(c.Name); err != nil || c.From != "" {
		if _, err := lib.Install(ctx, c.Name, c.From, say); err != nil {
			return err
		}
	}
	if c.Python {
		if err := lib.InstallPython(ctx, c.Name, say); err != nil {
			return err
		}
	}
	say("training the JVMs once, so that applications start faster")
	d, err := local.Open(local.Config{Dir: filepath.Join(c.DataDir, "clusters"), Runtimes: lib, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Prepare(ctx, c.Name); err != nil {
		return err
	}
	if err := d.MakeClassArchives(ctx, c.Name); err != nil {
		fmt.Fprintf(os.Stderr, "  no class archive was made; applications run, and start slower: %v\n", err)
	}
	say("%s is ready", c.Name)
	return nil
}
