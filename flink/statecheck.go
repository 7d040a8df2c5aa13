package flink

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// StateChecker is the source of a program that CheckState runs in a JobManager. It is compiled against each Flink.
//
//go:embed statecheck/StateCheck.java
var StateChecker []byte

// StateCheck asks whether a program has a place for all state of a savepoint or checkpoint.
type StateCheck struct {
	Checker     string // host path of the compiled StateChecker
	Jar         string // host path of the program
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

var verdict = regexp.MustCompile(`VERDICT\[([^\]]*)\]`)

// CheckState runs main() of a program in the JobManager as far as its job graph. A *LostStateError says that the state does
// not fit, a *RESTError that main() failed. The running job goes on.
func (c *Client) CheckState(ctx context.Context, q StateCheck) (err error) {
	var paths [2]string
	for i, jar := range []string{q.Checker, q.Jar} {
		if paths[i], err = c.upload(ctx, jar); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.deleteJar(context.WithoutCancel(ctx), path.Base(paths[i]))) }()
	}
	metadata := path.Join(strings.TrimPrefix(q.State, "file:"), "_metadata")
	err = c.RunJar(ctx, path.Base(paths[0]), Run{
		EntryClass: "StateCheck", Arguments: []string{paths[1], metadata, fmt.Sprint(q.Parallelism), path.Join(path.Dir(paths[1]), q.Former)},
	})
	var answer *RESTError
	if !errors.As(err, &answer) {
		return fmt.Errorf("flink: the state check gave no verdict: %w", err)
	}
	found := verdict.FindStringSubmatch(strings.Join(answer.Errors, "\n"))
	if found == nil {
		return answer
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

// upload hands a jar over and gives its path where the JobManager runs.
func (c *Client) upload(ctx context.Context, jar string) (string, error) {
	f, err := os.Open(jar)
	if err != nil {
		return "", err
	}
	defer f.Close()
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		part, err := form.CreateFormFile("jarfile", filepath.Base(jar))
		if err == nil {
			_, err = io.Copy(part, f)
		}
		if err == nil {
			err = form.Close()
		}
		w.CloseWithError(err)
	}()
	defer r.Close() // ends the writer where the server has not read to the end
	var out struct {
		Filename string `json:"filename"`
	}
	if err := c.do(ctx, http.MethodPost, "/jars/upload", form.FormDataContentType(), r, &out); err != nil {
		return "", err
	}
	return out.Filename, nil
}

func (c *Client) deleteJar(ctx context.Context, id string) error {
	ctx, cancel := short(ctx)
	defer cancel()
	return c.call(ctx, http.MethodDelete, "/jars/"+url.PathEscape(id), nil, nil)
}
