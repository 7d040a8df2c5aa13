// Package lint holds the rules of the house as tests: who may import whom, where the clock and the disk may be touched,
// how large a file may grow. Each failure says what to do instead.
package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "drey/"

type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

// name is the path inside the module.
func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module) }

func (p pkg) in(prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(x string) bool {
		return p.name() == x || strings.HasPrefix(p.name(), x+"/")
	})
}

// packages are those of the module, without tests.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Dir = root(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var services = []string{"msf", "kinesis", "s3", "cloudwatch", "logs", "iam"}

// rules say which of our own packages a package may import. A package without a rule may import what it likes.
var rules = []struct {
	who    []string
	may    []string
	reason string
}{
	{[]string{"app", "iam/policy"}, nil, "the rules are pure: data comes in as arguments, decisions go out as values"},
	{[]string{"wire"}, []string{"wire"}, "protocols know no service and no store"},
	{[]string{"model"}, []string{"wire"}, "generated shapes use the value types of wire alone"},
	{[]string{"edge"}, []string{"wire", "edge"}, "services reach the edge as tables of operations"},
	{[]string{"store"}, []string{"store"}, "storage serves all services and knows none"},
	{[]string{"driver"}, []string{"driver", "runtimes", "flink"}, "drivers know clusters, not applications"},
	{[]string{"msf"}, []string{"wire", "model/kinesisanalyticsv2", "store", "app", "flink", "msf"}, "a service knows itself; what it needs of others is an interface of its own"},
	{[]string{"kinesis"}, []string{"wire", "model/kinesis", "store", "kinesis"}, "a service knows itself"},
	{[]string{"s3"}, []string{"wire", "model/s3", "store", "s3"}, "a service knows itself"},
	{[]string{"cloudwatch"}, []string{"wire", "model/cloudwatch", "store", "cloudwatch"}, "a service knows itself"},
	{[]string{"logs"}, []string{"wire", "model/logs", "store", "logs"}, "a service knows itself"},
	{[]string{"iam"}, []string{"wire", "model/iam", "model/sts", "store", "iam"}, "a service knows itself"},
	{[]string{"flink"}, []string{"flink", "app"}, "Flink's REST API and configuration know no service"},
	{[]string{"dashboard"}, []string{"wire", "store"}, "it knows sessions and a JobManager's address, not what an application is"},
	{[]string{"alarmaction"}, nil, "it knows what an action says, not what an alarm or an application is"},
	{[]string{"scrape"}, nil, "it shows samples and knows no service"},
	{[]string{"telemetry"}, []string{"telemetry", "store"}, "telemetry hands on through interfaces of its own"},
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, r := range rules {
			if !p.in(r.who...) {
				continue
			}
			for _, imp := range p.Imports {
				own, ok := strings.CutPrefix(imp, module)
				if ok && !(pkg{ImportPath: imp}).in(append(r.may, self(p, r.who)...)...) {
					t.Errorf("%s imports %s: %s", p.name(), own, r.reason)
				}
			}
		}
	}
}

// self lets a package import its own sub-packages where its rule is not stricter.
func self(p pkg, who []string) []string {
	if p.in("app") && p.name() != "app" {
		return []string{"app", "store"}
	}
	return nil
}

func TestServicesDoNotImportOneAnother(t *testing.T) {
	for _, p := range packages(t) {
		for _, s := range services {
			if !p.in(s) {
				continue
			}
			for _, other := range services {
				if other != s && slices.Contains(p.Imports, module+other) {
					t.Errorf("%s imports %s: declare the two methods you need as an interface and fill it in cmd/drey", p.name(), other)
				}
			}
		}
	}
}

// httpUsers are the packages that may see net/http.
var httpUsers = []string{"edge", "s3", "flink", "driver", "wire/restxml", "wire/sigv4", "wire", "cmd/drey", "e2e", "bench", "dashboard", "alarmaction", "scrape"}

func TestHTTPStaysAtTheEdge(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(p.Imports, "net/http") && !p.in(httpUsers...) {
			t.Errorf("%s imports net/http: an operation has typed input and output and never sees HTTP", p.name())
		}
	}
}

func TestOnlyTheKeeperDrives(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(p.Imports, module+"driver") && !p.in("driver", "reconcile", "cmd/drey", "e2e", "bench") {
			t.Errorf("%s imports driver: only the keeper acts on clusters", p.name())
		}
		for _, d := range []string{"driver/local", "driver/sim"} {
			if slices.Contains(p.Imports, module+d) && !p.in("cmd/drey", "driver", "e2e", "bench") {
				t.Errorf("%s imports %s: take a driver.Driver instead", p.name(), d)
			}
		}
	}
}

// impure are imports and calls that a pure package must not have.
var impure = []string{"os", "net", "net/http", "database/sql", "io/fs", "log/slog"}

func TestPurePackages(t *testing.T) {
	for _, p := range packages(t) {
		if p.name() != "app" && p.name() != "iam/policy" && p.name() != "kinesis/delivery" {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(impure, imp) {
				t.Errorf("%s imports %s: pass what it needs as an argument", p.name(), imp)
			}
		}
		for _, call := range calls(t, p, "time", "Now", "Sleep", "After", "NewTimer") {
			t.Errorf("%s: time arrives as an argument", call)
		}
	}
}

// calls lists the places where files of p use pkgName.<one of names>.
func calls(t *testing.T, p pkg, pkgName string, names ...string) []string {
	t.Helper()
	var found []string
	set := token.NewFileSet()
	for _, f := range p.GoFiles {
		file, err := parser.ParseFile(set, filepath.Join(p.Dir, f), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains(names, sel.Sel.Name) {
				return true
			}
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == pkgName {
				found = append(found, set.Position(sel.Pos()).String())
			}
			return true
		})
	}
	return found
}

func TestNoPackageWithoutANoun(t *testing.T) {
	for _, p := range packages(t) {
		switch filepath.Base(p.name()) {
		case "util", "utils", "common", "helper", "helpers", "types", "models", "manager", "misc":
			t.Errorf("%s: name the package for what it holds", p.name())
		}
	}
}

const maxLines = 600

func TestFileSizes(t *testing.T) {
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == ".cache" || d.Name() == "target") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasPrefix(d.Name(), "z_") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := bytes.Count(b, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines: split it by noun", path, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

const maxFunction = 80

// TestFunctionSizes allows tables, which are data.
func TestFunctionSizes(t *testing.T) {
	for _, p := range packages(t) {
		set := token.NewFileSet()
		for _, f := range p.GoFiles {
			if strings.HasPrefix(f, "z_") {
				continue
			}
			file, err := parser.ParseFile(set, filepath.Join(p.Dir, f), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > maxFunction {
					t.Errorf("%s: %s has %d lines: split it by what it does", set.Position(fn.Pos()), fn.Name.Name, n)
				}
			}
		}
	}
}

// TestEveryPackageSaysWhatItIs wants a package comment that says what the package does.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		documented := false
		for _, f := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || file.Doc != nil
		}
		if !documented && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment: say what it does and what it must never do", p.name())
		}
	}
}
