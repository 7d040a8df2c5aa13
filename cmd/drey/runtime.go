package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"drey/driver/local"
	"drey/runtimes"
)

// runtimeCmd is `drey runtime`.
type runtimeCmd struct {
	List    runtimeListCmd    `cmd:"" help:"List the runtimes and which are installed."`
	Install runtimeInstallCmd `cmd:"" help:"Install runtimes, side by side."`
}

type runtimeListCmd struct {
	dataDir
}

func library(dataDir string) runtimes.Library {
	return runtimes.Library{Dir: filepath.Join(dataDir, "runtimes")}
}

// Run lists.
func (c *runtimeListCmd) Run() error { return listRuntimes(os.Stdout, library(c.DataDir)) }

// listRuntimes writes one line for each runtime: its Flink, the Java that code should be compiled for and the newest that
// loads, whether Python applications run on it, and where it is installed.
func listRuntimes(w io.Writer, lib runtimes.Library) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RUNTIME\tFLINK\tCOMPILE FOR\tLOADS UP TO\tPYTHON\tINSTALLED")
	for _, name := range runtimes.Names() {
		r, err := runtimes.Lookup(name)
		if err != nil {
			return err
		}
		python, state := "-", "no; drey runtime install "+name
		if d, err := lib.Find(name); err == nil {
			state = d.Home
			_, err := d.Python()
			if err == nil {
				python = "yes"
			} else if !errors.Is(err, runtimes.ErrNoPython) {
				python = "no; --python"
			}
		}
		fmt.Fprintf(table, "%s\t%s\tJava %d\tJava %d\t%s\t%s\n", name, r.Flink, r.Java, r.ClassVersion-44, python, state)
	}
	return table.Flush()
}

type runtimeInstallCmd struct {
	dataDir
	Names []string `arg:"" name:"runtime" help:"Runtime environments, e.g. FLINK-1_18."`
	From  string   `help:"Take Flink from this official tarball or folder instead of fetching it." type:"existingpath" placeholder:"PATH"`

	Python bool `help:"Install Python and PyFlink too, for Python applications (500 MB)."`
}

// Help shows how to use it.
func (runtimeInstallCmd) Help() string {
	return `Examples:
  drey runtime install FLINK-1_18
  drey runtime install FLINK-1_18 --from flink-1.18.1-bin-scala_2.12.tgz
  drey runtime install FLINK-1_20 FLINK-2_2 --python`
}

// Run installs and prepares, one runtime after the other.
func (c *runtimeInstallCmd) Run(ctx context.Context) error {
	if c.From != "" && len(c.Names) > 1 {
		return errors.New("--from is a distribution of one Flink: name one runtime")
	}
	for _, name := range c.Names { // a wrong name is told before 260 MB are fetched
		if _, err := runtimes.Lookup(name); err != nil {
			return err
		}
	}
	lib := library(c.DataDir)
	d, err := local.Open(local.Config{Dir: filepath.Join(c.DataDir, "clusters"), Runtimes: lib, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return err
	}
	defer d.Close()
	began := time.Now()
	say := func(format string, args ...any) {
		fmt.Printf("%6.1fs  "+format+"\n", append([]any{time.Since(began).Seconds()}, args...)...)
	}
	for _, name := range c.Names {
		if err := c.install(ctx, lib, d, name, say); err != nil {
			return err
		}
	}
	return nil
}

func (c *runtimeInstallCmd) install(ctx context.Context, lib runtimes.Library, d *local.Driver, name string, say runtimes.Progress) error {
	if _, err := lib.Find(name); err != nil || c.From != "" {
		if _, err := lib.Install(ctx, name, c.From, say); err != nil {
			return err
		}
	}
	if c.Python {
		if err := lib.InstallPython(ctx, name, say); err != nil {
			return err
		}
	}
	say("training the JVMs once, so that applications start faster")
	if err := d.Prepare(ctx, name); err != nil {
		return err
	}
	if err := d.MakeClassArchives(ctx, name); err != nil {
		fmt.Fprintf(os.Stderr, "  no class archive was made; applications run, and start slower: %v\n", err)
	}
	say("%s is ready", name)
	return nil
}
