package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"drey/driver/local"
	"drey/edge"
	"drey/runtimes"
)

// doctorCmd is `drey doctor`.
type doctorCmd struct {
	dataDir
	AppAddress netip.Addr `help:"Private address of applications." default:"127.0.77.1" placeholder:"ADDR"`
}

// Help shows how to use it.
func (doctorCmd) Help() string {
	return `Example:
  drey doctor        # exits with 1 if something that applications need is missing`
}

// finding is one line of the report.
type finding struct {
	name     string
	problem  error  // nil = fine
	detail   string // what was found
	optional bool   // applications run without it
}

// Run reports.
func (c *doctorCmd) Run(ctx context.Context) error {
	findings := []finding{c.java(), c.sandbox(ctx), c.limits(), c.runtimes()}
	findings = append(findings, c.ports(ctx)...)
	findings = append(findings, command("openssl", "apt-get install openssl", false))
	findings = append(findings, command("python3", "apt-get install python3 python3-pip (it fetches runtimes)", true), command("mvn", "apt-get install maven (it fetches runtimes)", true))
	failed := 0
	for _, f := range findings {
		mark := "ok  "
		if f.problem != nil {
			mark, f.detail = "FAIL", strings.ReplaceAll(f.problem.Error(), "\n", "\n      ")
			if f.optional {
				mark = "note"
			} else {
				failed++
			}
		}
		fmt.Printf("%s  %-16s %s\n", mark, f.name, f.detail)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(findings))
	}
	return nil
}

func (c *doctorCmd) java() finding {
	home, err := local.FindJava()
	return finding{"Java 17", err, home, false}
}

func (c *doctorCmd) sandbox(ctx context.Context) finding {
	err := local.TrySandbox(ctx)
	return finding{"bubblewrap", err, "a sandbox can be made", false}
}

func (c *doctorCmd) limits() finding {
	if missing := local.Unlimited(); len(missing) > 0 {
		return finding{"cgroups", fmt.Errorf("this user cannot write control groups. Nothing limits what applications take of: %s.\nRun the server as root where their code is not trusted.", strings.Join(missing, ", ")), "", true}
	}
	return finding{"cgroups", nil, "memory, CPU and processes of applications are limited", true}
}

func (c *doctorCmd) runtimes() finding {
	for _, name := range runtimes.Names() {
		if d, err := library(c.DataDir).Find(name); err == nil {
			return finding{"Flink runtime", nil, name + " in " + d.Home, true}
		}
	}
	return finding{"Flink runtime", fmt.Errorf("none is installed in %s\ndrey runtime install FLINK-1_18 --data-dir %s", c.DataDir, c.DataDir), "", true}
}

// ports tries the private address. A port in use may be a running server's.
func (c *doctorCmd) ports(ctx context.Context) []finding {
	if _, err := os.Stat(accessPath(c.DataDir)); err == nil {
		if unlock, err := lockDir(c.DataDir); err != nil {
			return []finding{{"private address", nil, "in use by the server that runs on " + c.DataDir, false}}
		} else {
			unlock()
		}
	}
	var all []finding
	for _, port := range []uint16{443, 80} {
		at := netip.AddrPortFrom(c.AppAddress, port).String()
		l, err := edge.Listen(ctx, "tcp", at)
		if errors.Is(err, syscall.EACCES) {
			return []finding{{"ports 443, 80, 53", err, "", false}} // one right is missing for all of them
		}
		if err == nil {
			l.Close()
		}
		all = append(all, finding{fmt.Sprintf("port %d", port), err, at + " is free", false})
	}
	d, err := edge.NewDNS(ctx, c.AppAddress, 53, "/etc/resolv.conf")
	if err == nil {
		d.Close()
	}
	return append(all, finding{"port 53", err, c.AppAddress.String() + ":53 is free", false})
}

func command(name, install string, optional bool) finding {
	path, err := exec.LookPath(name)
	if err != nil {
		err = fmt.Errorf("not found; %s", install)
	}
	return finding{name, err, path, optional}
}
