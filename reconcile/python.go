package reconcile

import (
	"os"

	"drey/flink"
)

// explain finds out why a Python script has ended: Flink answers with its exit code alone, and what it has written is in the
// JobManager's log. Other failures, and a log that tells nothing, change nothing.
func explain(failure error, logs []string) error {
	if !flink.ScriptEnded(failure) {
		return failure
	}
	for _, path := range logs {
		f, err := os.Open(path)
		if err != nil {
			continue // it was rolled over
		}
		output, _ := flink.ScriptOutput(f) // as far as it can be read
		f.Close()
		if reason := flink.ScriptReason(output); reason != "" {
			return &flink.ScriptError{Reason: reason, Err: failure}
		}
	}
	return failure
}
