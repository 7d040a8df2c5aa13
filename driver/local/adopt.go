package local

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// checkResolver refuses to adopt living JVMs that ask another address for names: their jobs would find AWS no more.
func (d *Driver) checkResolver() error {
	files, err := filepath.Glob(filepath.Join(d.Dir, "*", "conf", "resolv.conf"))
	if err != nil || d.Resolver == "" {
		return err
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		line, _, _ := strings.Cut(string(body), "\n")
		known, err := netip.ParseAddr(strings.TrimPrefix(line, "nameserver "))
		if err != nil || known.String() == d.Resolver || !living(filepath.Dir(filepath.Dir(file))) {
			continue
		}
		return fmt.Errorf("applications of this data directory run and see AWS at %s, not at %s; start with --app-address %s, and stop them before it changes", known, d.Resolver, known)
	}
	return nil
}

// living tells whether a process of the cluster is alive.
func living(dir string) bool {
	procs, err := processes(dir)
	if err != nil {
		return false
	}
	for _, p := range procs {
		if p.alive() {
			return true
		}
	}
	return false
}
