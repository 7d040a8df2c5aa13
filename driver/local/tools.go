package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// tools are the programs of the machine that clusters need.
type tools struct {
	bwrap     string
	javaHome  string
	javaBuild string // tells JDK builds apart: class archives fit one only
}

func (t tools) cacerts() string {
	path := filepath.Join(t.javaHome, "lib", "security", "cacerts")
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

var toolsCache struct {
	sync.Mutex
	found *tools
}

// findTools looks once; a machine on which something is missing is looked at again the next time.
func findTools() (tools, error) {
	toolsCache.Lock()
	defer toolsCache.Unlock()
	if toolsCache.found != nil {
		return *toolsCache.found, nil
	}
	bwrap, err := exec.LookPath("bwrap")
	if err != nil {
		return tools{}, errors.New("bubblewrap is not installed, and applications run in its sandbox; install it with: apt-get install bubblewrap")
	}
	t := tools{bwrap: bwrap}
	if t.javaHome, err = findJava(); err != nil {
		return tools{}, err
	}
	release, err := os.ReadFile(filepath.Join(t.javaHome, "release"))
	if err != nil {
		return tools{}, fmt.Errorf("the JDK in %s: %w", t.javaHome, err)
	}
	t.javaBuild = string(release)
	toolsCache.found = &t
	return t, nil
}

// findJava gives the home of a JDK 17: JAVA_HOME, the one of the path, or an installed one.
func findJava() (string, error) {
	candidates := []string{os.Getenv("JAVA_HOME")}
	if java, err := exec.LookPath("java"); err == nil {
		if real, err := filepath.EvalSymlinks(java); err == nil {
			candidates = append(candidates, filepath.Dir(filepath.Dir(real)))
		}
	}
	installed, _ := filepath.Glob("/usr/lib/jvm/*17*") // the pattern is well-formed
	for _, home := range append(candidates, installed...) {
		release, err := os.ReadFile(filepath.Join(home, "release"))
		if err == nil && home != "" && strings.Contains(string(release), `JAVA_VERSION="17`) {
			return filepath.EvalSymlinks(home)
		}
	}
	return "", errors.New("no JDK 17 was found; install it with: apt-get install openjdk-17-jdk-headless, or set JAVA_HOME")
}
