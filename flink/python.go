package flink

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"drey/app"
)

// PythonDriver is the main class of Python applications: it runs the script as a process that speaks to the JobManager. Flink
// brings its jar along by itself, from the folder that FLINK_OPT_DIR names.
const PythonDriver = "org.apache.flink.client.python.PythonDriver"

const (
	maxEntries  = 100_000
	maxUnpacked = 4 << 30 // bytes of an archive's files
)

// RunPython makes a submission one of a Python application whose archive is unpacked in dir. PythonDriver ends the JobManager
// when it cannot read its arguments: CheckPython comes first.
func (r *Run) RunPython(p app.Python, dir string) {
	r.EntryClass, r.Arguments, r.Configuration = PythonDriver, []string{"-py", filepath.Join(dir, p.Script)}, map[string]string{}
	for option, names := range map[string][]string{"python.files": p.Files, "python.archives": p.Archives} {
		var paths []string
		for _, name := range names {
			paths = append(paths, dir+"/"+name)
		}
		if len(paths) > 0 {
			r.Configuration[option] = strings.Join(paths, ",")
		}
	}
}

// CheckPython tells why an archive does not hold the Python application that the run options describe: a file that is not
// there, a jar that is none, names that lead out of the archive.
func CheckPython(path string, p app.Python) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return errors.New("the file is not a zip archive")
	}
	defer z.Close()
	return checkPython(&z.Reader, p)
}

func checkPython(z *zip.Reader, p app.Python) error {
	if p.Script == "" {
		return fmt.Errorf("the property group %s has no key python: it names the script with main by its path in the archive", app.RunOptions)
	}
	files, folders, err := entries(z)
	if err != nil {
		return err
	}
	isFile := func(name string) bool { return files[name] != nil }
	isPresent := func(name string) bool { return isFile(name) || folders[name] }
	for _, part := range []struct {
		key     string
		names   []string
		present func(string) bool
	}{
		{"python", []string{p.Script}, isFile}, {"jarfile", []string{p.Jar}, isFile},
		{"pyFiles", p.Files, isPresent}, {"pyArchives", archives(p.Archives), isFile},
	} {
		for _, name := range part.names {
			if name != "" && !part.present(name) {
				return missing(part.key, name, files)
			}
		}
	}
	if p.Jar == "" {
		return nil
	}
	return checkPythonJar(files[p.Jar])
}

// archives drops where each archive is unpacked.
func archives(all []string) []string {
	var names []string
	for _, a := range all {
		name, _, _ := strings.Cut(a, "#")
		names = append(names, name)
	}
	return names
}

// missing says where a file of that name is, if there is one: archives are often packed with their parent folder.
func missing(key, name string, files map[string]*zip.File) error {
	hint := ""
	var same []string
	for other := range files {
		if path.Base(other) == path.Base(name) {
			same = append(same, other)
		}
	}
	if len(same) > 0 {
		hint = fmt.Sprintf("; it holds %s", slices.Min(same))
	}
	return fmt.Errorf("the archive has no %s, which the key %s of the property group %s names%s", name, key, app.RunOptions, hint)
}

// entries lists the files of an archive, and the folders that they lie in. An archive with names that lead out of it, or with
// more than can be unpacked, is refused.
func entries(z *zip.Reader) (files map[string]*zip.File, folders map[string]bool, err error) {
	if len(z.File) > maxEntries {
		return nil, nil, fmt.Errorf("the archive has %d files, more than %d", len(z.File), maxEntries)
	}
	files, folders = map[string]*zip.File{}, map[string]bool{}
	var size uint64
	for _, f := range z.File {
		name := path.Clean(f.Name)
		if !filepath.IsLocal(f.Name) || strings.ContainsRune(f.Name, 0) {
			return nil, nil, fmt.Errorf("the archive has an entry %q, which leads out of it", f.Name)
		}
		if size += min(f.UncompressedSize64, math.MaxInt64); size > maxUnpacked {
			return nil, nil, fmt.Errorf("the archive unpacks to more than %d GiB", maxUnpacked>>30)
		}
		if strings.HasSuffix(f.Name, "/") {
			folders[name] = true
		} else {
			files[name] = f
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	return files, folders, nil
}

// checkPythonJar looks into the jar, as CheckJar does: a broken one would fail far from its cause. It needs no main class.
func checkPythonJar(f *zip.File) error {
	tmp, err := os.CreateTemp("", "drey-jar-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	size, err := extract(f, tmp)
	if err != nil {
		return err
	}
	jar, err := zip.NewReader(tmp, size)
	if err != nil {
		return fmt.Errorf("%s, which the key jarfile of the property group %s names, is no jar", f.Name, app.RunOptions)
	}
	return checkConnector(jar)
}

// extract copies the content of an entry; at most what the entry claims, whatever the data says.
func extract(f *zip.File, to io.Writer) (int64, error) {
	r, err := f.Open()
	if err != nil {
		return 0, fmt.Errorf("the archive is damaged at %s: %w", f.Name, err)
	}
	defer r.Close()
	n, err := io.Copy(to, io.LimitReader(r, int64(f.UncompressedSize64)+1))
	if err == nil && uint64(n) != f.UncompressedSize64 {
		err = zip.ErrFormat
	}
	if err != nil {
		return n, fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	return n, nil
}

// UnpackPython writes the files of an archive below dir, an existing folder, and nothing elsewhere. Links in the archive
// become files that hold the name of their target.
func UnpackPython(archive, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open the application's archive: %w", err)
	}
	defer z.Close()
	files, folders, err := entries(&z.Reader)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for name := range folders {
		if err := root.MkdirAll(name, 0o755); err != nil {
			return fmt.Errorf("unpack the application's archive: %w", err)
		}
	}
	for name, f := range files {
		if err := writeEntry(root, name, f); err != nil {
			return fmt.Errorf("unpack the application's archive: %w", err)
		}
	}
	return nil
}

func writeEntry(root *os.Root, name string, f *zip.File) error {
	const executable fs.FileMode = 0o111
	out, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644|f.Mode()&executable)
	if err != nil {
		return err
	}
	if _, err := extract(f, out); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
