// Drey is Amazon Managed Service for Apache Flink on your own machines: one binary that serves the AWS APIs a Flink
// application and its owner touch, and runs each application on real Apache Flink.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the whole command line; each field with a cmd tag is a verb in a file of its own.
type cli struct {
	Config kong.ConfigFlag  `help:"Read settings from this YAML file, beside /etc/drey.yaml and ~/.config/drey.yaml; its keys are the flags' names." placeholder:"FILE"`
	Print  kong.VersionFlag `name:"version" help:"Print the version and exit."`

	Serve   serveCmd   `cmd:"" help:"Serve the AWS APIs and run applications, until interrupted."`
	Env     envCmd     `cmd:"" help:"Print the shell lines that point AWS tools at a server."`
	Runtime runtimeCmd `cmd:"" help:"List and install Flink runtimes."`
	Doctor  doctorCmd  `cmd:"" help:"Check what this machine needs and say what to do about each gap."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

const description = `Amazon Managed Service for Apache Flink on your own machines.

  drey runtime install FLINK-1_18    # once
  drey serve                         # in one terminal
  eval "$(drey env)"                 # in another
  aws kinesisanalyticsv2 list-applications`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli{},
		kong.Name("drey"),
		kong.Description(description),
		kong.Configuration(loadSettings, "/etc/drey.yaml", filepath.Join("~", ".config", "drey.yaml")),
		kong.Vars{"data_dir": defaultDataDir(), "version": "drey " + version()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "drey:", err)
		os.Exit(1)
	}
}

// dataDir is the flag that all verbs share.
type dataDir struct {
	DataDir string `help:"Everything that is kept lies here; a copy of it is a backup." default:"${data_dir}" type:"path" placeholder:"DIR"`
}

func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "drey")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "drey-data"
	}
	return filepath.Join(home, ".local", "share", "drey")
}

type versionCmd struct{}

// Run prints what this binary was built from.
func (versionCmd) Run() error {
	fmt.Println("drey", version())
	return nil
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return v + " " + info.GoVersion
}
