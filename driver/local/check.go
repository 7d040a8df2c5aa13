package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
)

// FindJava gives the home of the JDK that applications run on, or says how to get one.
func FindJava() (string, error) { return findJava() }

// TrySandbox makes an empty sandbox of the kind that applications run in.
func TrySandbox(ctx context.Context) error {
	t, err := findTools()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, t.bwrap, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL",
		"--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true").CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("bubblewrap cannot make a sandbox: %s\nAllow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1; on Ubuntu 24.04 also kernel.apparmor_restrict_unprivileged_userns=0), or run the server as root.", strings.TrimSpace(string(out)))
	}
	return err
}

// Unlimited names what this user cannot limit for want of control groups; nothing where all limits hold.
func Unlimited() []string { return findLimits(slog.New(slog.DiscardHandler)).missing() }
