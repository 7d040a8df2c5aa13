package flink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// StateCheck asks whether a program has a place for all state of a savepoint or checkpoint.
type StateCheck struct {
	Checker     string // path of the compiled StateCheckClass where the JobManager runs, listed under /jars
	Jar         string // path of the program there
	Former      string // id under /jars of the program that wrote the state
	State       string // URI of the savepoint or checkpoint
	Parallelism int
}

// LostStateError lists the operators whose state a program has no place for.
type LostStateError struct{ Operators []LostOperator }

func (e *LostStateError) Error() string {
	names := make([]string, len(e.Operators))
	for i, o := range e.Operators {
		names[i] = o.String()
	}
	return "no place for the state of " + strings.Join(names, ", ")
}

// LostOperator is an operator that is not in a program.
type LostOperator struct{ ID, UID, Name string }

func (o LostOperator) String() string {
	switch {
	case o.UID != "":
		return fmt.Sprintf("%q (uid %s)", o.Name, o.UID)
	case o.Name != "":
		return fmt.Sprintf("%q (no uid)", o.Name)
	}
	return "operator " + o.ID
}

// ErrStateGone says that a state is not, or no longer, where it was.
var ErrStateGone = errors.New("flink: the state is gone")

var verdict = regexp.MustCompile(`VERDICT\[([^\]]*)\]`)

// CheckState runs main() of a program in the JobManager as far as its job graph. A *LostStateError says that the state does
// not fit, a *RESTError that main() failed, ErrStateGone that nothing was told. The running job goes on.
func (c *Client) CheckState(ctx context.Context, q StateCheck) error {
	metadata := path.Join(strings.TrimPrefix(q.State, "file:"), "_metadata")
	err := c.RunJar(ctx, path.Base(q.Checker), Run{
		EntryClass: StateCheckClass, Arguments: []string{q.Jar, metadata, fmt.Sprint(q.Parallelism), path.Join(path.Dir(q.Jar), q.Former)},
	})
	var answer *RESTError
	if !errors.As(err, &answer) {
		return fmt.Errorf("flink: the state check gave no verdict: %w", err)
	}
	text := strings.Join(answer.Errors, "\n")
	found := verdict.FindStringSubmatch(text)
	switch {
	case found != nil && found[1] == "gone":
		return ErrStateGone
	case found != nil:
	case strings.Contains(text, "ProgramInvocationException: The main method caused an error"):
		return answer
	default:
		return fmt.Errorf("flink: the state check gave no verdict: %s", Failure(err))
	}
	lost, err := lostOperators(found[1])
	if err == nil && len(lost) > 0 {
		err = &LostStateError{lost}
	}
	return err
}

// lostOperators reads id,uid,name;… with each part URL-encoded.
func lostOperators(list string) (lost []LostOperator, err error) {
	for entry := range strings.SplitSeq(list, ";") {
		parts := strings.Split(entry, ",")
		if len(parts) != 3 {
			continue // nothing is lost
		}
		for i := range parts {
			if parts[i], err = url.QueryUnescape(parts[i]); err != nil {
				return nil, fmt.Errorf("flink: verdict of the state check: %w", err)
			}
		}
		lost = append(lost, LostOperator{parts[0], parts[1], parts[2]})
	}
	return lost, nil
}
