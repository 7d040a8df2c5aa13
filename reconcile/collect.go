package reconcile

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"drey/app"
	"drey/flink"
)

var jobID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// collect removes the retained checkpoints of earlier jobs, once the running one has completed its first: that one needs nothing
// of theirs (Flink documentation, "Checkpoints vs. Savepoints", NO_CLAIM). What it began from stays as long as it runs.
func (l *loop) collect(a *app.Application) error {
	if a.Operation != nil || a.Run == nil || l.collected == a.Run.JobID || newestCheckpoint(l.state(a), a.Run.JobID) == "" {
		return nil
	}
	state, err := os.OpenRoot(l.state(a))
	if err != nil {
		return err
	}
	defer state.Close()
	dir := path.Base(flink.CheckpointDir(""))
	found, err := fs.ReadDir(state.FS(), dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept := []string{a.Run.JobID, checkpointed(l.state(a), a.Run.Restore.Path)}
	for _, d := range found {
		if d.Name() == kept[0] || d.Name() == kept[1] || !jobID.MatchString(d.Name()) {
			continue
		}
		if err := state.RemoveAll(path.Join(dir, d.Name())); err != nil {
			return err
		}
	}
	l.collected = a.Run.JobID
	return nil
}

// checkpointed gives the job whose checkpoint lies at uri; "" = it is no checkpoint.
func checkpointed(state, uri string) string {
	rel, err := filepath.Rel(flink.CheckpointDir(state), strings.TrimPrefix(uri, scheme))
	if err != nil {
		return ""
	}
	job, _, _ := strings.Cut(rel, "/")
	return job
}
