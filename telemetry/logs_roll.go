package telemetry

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// generation is one of the files that a path has had: a rolled one, or the one at the path.
type generation struct {
	path string
	fileID
}

// turn goes on with the file that was begun after the open one. It returns false when there is none yet, or when files were
// rolled at this moment: then it is to be looked for again.
func (c *cursor) turn() (turned bool, err error) {
	list, err := generations(c.path)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(list, func(g generation) bool { return g.is(c.id) })
	if i+1 >= len(list) {
		c.gone = true
		return false, nil
	}
	if turned, err = c.turnTo(list[i+1]); turned && i < 0 {
		c.missed = true // all that are left came after it
	}
	return turned, err
}

// generations lists the rolled files of a path, oldest first, and the one at the path. log4j gives them other names one by one while
// this looks: what two looks in a row show was there at one moment.
func generations(path string) ([]generation, error) {
	before, err := lookAt(path)
	for err == nil {
		var now []generation
		if now, err = lookAt(path); slices.Equal(before, now) {
			break
		}
		before = now
	}
	return before, err
}

func lookAt(path string) ([]generation, error) {
	names, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type numbered struct {
		generation
		number int
	}
	var list []numbered
	for _, n := range names {
		suffix, ok := strings.CutPrefix(n.Name(), filepath.Base(path))
		if !ok {
			continue
		}
		number := int(^uint(0) >> 1) // of the path itself
		if suffix != "" {
			if number, err = strconv.Atoi(strings.TrimPrefix(suffix, ".")); err != nil || suffix[0] != '.' {
				continue
			}
		}
		info, err := n.Info()
		if err != nil {
			continue // renamed or deleted meanwhile
		}
		list = append(list, numbered{generation{path + suffix, identify(info)}, number})
	}
	slices.SortFunc(list, func(a, b numbered) int { return cmp.Compare(a.number, b.number) }) // log4j2 gives the newest the highest number
	found := make([]generation, len(list))
	for i, n := range list {
		found[i] = n.generation
	}
	return found, nil
}
