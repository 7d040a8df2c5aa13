package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"drey/driver"
	"drey/runtimes"
)

// sandbox starts and ends the processes of one cluster.
type sandbox struct {
	driver  *Driver
	cluster driver.Cluster
	dist    runtimes.Distribution
	tools   tools
	trust   *trust
	dir     string
	plan    *plan
}

const startTimeout = 10 * time.Second

const jobManagerName = "flink-jobmanager"

func taskManagerName(i int) string { return fmt.Sprintf("flink-taskmanager-1-%d", i) }

var processName = regexp.MustCompile(`^flink-(jobmanager|taskmanager-1-[1-9][0-9]{0,3})$`)

// wanted lists the processes of the cluster: the TaskManagers' names begin as the developer guide's log queries expect.
func (s *sandbox) wanted() []*process {
	all := []*process{{Name: jobManagerName, Role: driver.JobManager}}
	for _, worker := range s.cluster.Workers(taskManagerName) {
		all = append(all, &process{Name: worker, Role: driver.TaskManager})
	}
	return all
}

// ensure starts one process unless it lives. Limits are set again on a living one: an earlier call may have been cut
// before it came to them.
func (s *sandbox) ensure(ctx context.Context, p *process) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	known, err := readProcess(s.dir, p.Name)
	if err == nil && known.alive() {
		return s.limit(known)
	}
	if err == nil {
		s.driver.Log.Warn("start a process again", "cluster", s.cluster.ID, "process", p.Name, "exit", s.driver.exit(s.dir, known))
		if err := s.driver.end(ctx, s.dir, []*process{known}); err != nil {
			return err
		}
	}
	tmp, err := s.freshTmp(p)
	if err != nil {
		return err
	}
	if err := s.driver.room(); err != nil {
		return err
	}
	p.Token, p.Started = newToken(), time.Now().UTC()
	for _, path := range []string{infoPath(s.dir, p.Name), endPath(s.dir, p.Name)} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	if err := writeJSON(recordPath(s.dir, p.Name), p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return s.launch(ctx, p, tmp)
}

// freshTmp makes the process's /tmp, with the authority's certificate where the Kinesis Producer Library's daemon looks.
func (s *sandbox) freshTmp(p *process) (string, error) {
	tmp := filepath.Join(s.dir, "tmp", p.Name)
	if err := os.RemoveAll(tmp); err != nil {
		return "", err
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return "", err
	}
	if s.trust == nil {
		return tmp, nil
	}
	return tmp, s.trust.placeForKPL(tmp)
}

// launch starts bubblewrap in a session of its own. It writes the pid into a file, so that the record is whole even if
// the server dies at this very moment. Nothing of the application runs before the limits are set.
func (s *sandbox) launch(ctx context.Context, p *process, tmp string) error {
	info, err := os.OpenFile(infoPath(s.dir, p.Name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer info.Close()
	out, err := os.OpenFile(outPath(s.dir, p.Name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	filter, err := filterFile()
	if err != nil {
		return err
	}
	defer filter.Close()
	held, release, err := os.Pipe()
	if err != nil {
		return err
	}
	defer release.Close() // lets it go, with or without a server
	defer held.Close()
	// The token is in the command line, which everybody may read; the environment holds secrets and is not.
	args := append(append(s.mounts(p, tmp), "--setenv", "DREY_PROCESS", p.Token), s.java(p)...)
	cmd := exec.Command(s.tools.bwrap, append([]string{"--json-status-fd", "3", "--seccomp", "4", "--block-fd", "5"}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{info, filter, held}
	cmd.Env = s.environment()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	go cmd.Wait() // reaps the launcher while this server lives; its end means nothing else
	if err := p.awaitInfo(ctx, s.dir, cmd.Process); err != nil {
		return err
	}
	if err := s.limit(p); err != nil {
		p.kill()
		return fmt.Errorf("limit %s: %w", p.Name, err)
	}
	return nil
}

func (s *sandbox) limit(p *process) error {
	memory, cpu := s.share(p)
	return s.driver.limits.apply(filepath.Base(s.dir), p, memory, cpu, s.plan.Mark)
}

// mounts is the sandbox: what is not named here does not exist in it.
func (s *sandbox) mounts(p *process, tmp string) []string {
	a := []string{
		"--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", p.Name, "--cap-drop", "ALL",
		"--ro-bind", "/usr", "/usr", "--dev", "/dev",
		// Without capabilities, root still owns the settings of the kernel below /proc/sys.
		"--proc", "/proc", "--remount-ro", "/proc",
	}
	for _, link := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		if target, err := os.Readlink(link); err == nil {
			a = append(a, "--symlink", target, link)
		} else if _, err := os.Stat(link); err == nil {
			a = append(a, "--ro-bind", link, link)
		}
	}
	for _, file := range []string{"/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/localtime", "/etc/alternatives", "/etc/java-17-openjdk",
		"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki", "/etc/ca-certificates"} {
		a = append(a, "--ro-bind-try", file, file)
	}
	conf := filepath.Join(s.dir, "conf")
	a = append(a,
		"--ro-bind", filepath.Join(conf, "passwd"), "/etc/passwd", "--ro-bind", filepath.Join(conf, "group"), "/etc/group",
		"--ro-bind", filepath.Join(conf, "hosts"), "/etc/hosts",
		"--ro-bind", filepath.Join(conf, "application_properties.json"), "/etc/flink/application_properties.json",
	)
	a = append(a, s.resolver(conf)...)
	a = append(a, s.jdk()...)
	if s.trust != nil {
		a = append(a, s.trust.mounts(s.tools)...)
	}
	a = append(a, "--bind", tmp, "/tmp",
		"--ro-bind", s.dist.Home, s.dist.Home, "--ro-bind", conf, conf,
		"--bind", filepath.Join(s.dir, "log"), filepath.Join(s.dir, "log"))
	if p.Role == driver.JobManager {
		// The code lies there as a link to a file that other applications may share.
		upload := filepath.Join(s.dir, "upload")
		a = append(a, "--bind", upload, upload, "--ro-bind", filepath.Join(upload, "flink-web-upload"), filepath.Join(upload, "flink-web-upload"))
	}
	if s.cluster.State != "" {
		a = append(a, "--bind", s.cluster.State, s.cluster.State)
	}
	return append(a, "--chdir", "/tmp")
}

func (s *sandbox) resolver(conf string) []string {
	if s.driver.Resolver == "" {
		return []string{"--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"}
	}
	return []string{"--ro-bind", filepath.Join(conf, "resolv.conf"), "/etc/resolv.conf"}
}

// correttoHomes are where users' code looks for the JDK's truststore (developer guide, "Troubleshoot: NoSuchFileException
// for cacerts").
var correttoHomes = []string{"/usr/lib/jvm/java-11-amazon-corretto", "/usr/lib/jvm/java-17-amazon-corretto"}

// jdk shows the JDK alone under /usr/lib/jvm, and under Corretto's names.
func (s *sandbox) jdk() []string {
	const jvms = "/usr/lib/jvm"
	if _, err := os.Stat(jvms); err != nil {
		return []string{"--ro-bind", s.tools.javaHome, s.tools.javaHome}
	}
	a := []string{"--tmpfs", jvms, "--ro-bind", s.tools.javaHome, s.tools.javaHome}
	for _, home := range correttoHomes {
		if home != s.tools.javaHome {
			a = append(a, "--symlink", s.tools.javaHome, home)
		}
	}
	return a
}

// environment is all that processes get: nothing of the server's own.
func (s *sandbox) environment() []string {
	env := map[string]string{
		"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "JAVA_HOME": s.tools.javaHome,
		"FLINK_HOME": s.dist.Home, "FLINK_LIB_DIR": filepath.Join(s.dist.Home, "lib"), "FLINK_OPT_DIR": filepath.Join(s.dist.Home, "opt"),
		"FLINK_PLUGINS_DIR": filepath.Join(s.dist.Home, "plugins"), "FLINK_CONF_DIR": filepath.Join(s.dir, "conf"),
		"FLINK_LOG_DIR": filepath.Join(s.dir, "log"), "MALLOC_ARENA_MAX": "2",
	}
	for name, value := range s.cluster.Environment {
		env[name] = value
	}
	var a []string
	for name, value := range env {
		a = append(a, name+"="+value)
	}
	return a
}

// java is the command inside of the sandbox.
func (s *sandbox) java(p *process) []string {
	conf := filepath.Join(s.dir, "conf")
	a := append([]string{"--", filepath.Join(s.tools.javaHome, "bin", "java")}, s.flags(p)...)
	a = append(a, "-Dlog.file="+filepath.Join(s.dir, "log", p.Name+".log"), "-Dlog4j2.configurationFile="+filepath.Join(conf, "log4j2.xml"),
		"-Ddrey.log="+logFile(s.dir, p.Name))
	a = append(a, s.classes()...)
	if p.Role == driver.JobManager {
		return append(a, "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", "--configDir", conf)
	}
	return append(a, "org.apache.flink.runtime.taskexecutor.TaskManagerRunner", "--configDir", conf, "-D", "taskmanager.resource-id="+p.Name)
}

func (s *sandbox) classes() []string {
	jars, err := s.dist.ClassPath()
	if err != nil || len(jars) == 0 {
		return nil // the JVM says so
	}
	return []string{"-cp", strings.Join(jars, ":")}
}

// endOrphans ends the TaskManagers of a JobManager that has died: they hold the classes and tasks of its job, and refuse
// those of a job with the same id that the next JobManager runs.
func (s *sandbox) endOrphans(ctx context.Context) error {
	manager, err := readProcess(s.dir, jobManagerName)
	if err != nil || manager.alive() {
		return nil // a first start has none
	}
	procs, err := processes(s.dir)
	if err != nil {
		return err
	}
	return s.driver.end(ctx, s.dir, procs)
}

// stopSurplus ends what is no longer wanted. Log files stay, for whoever has not read them to the end.
func (s *sandbox) stopSurplus(ctx context.Context) error {
	procs, err := processes(s.dir)
	if err != nil {
		return err
	}
	wanted := s.wanted()
	surplus := slices.DeleteFunc(procs, func(p *process) bool {
		return slices.ContainsFunc(wanted, func(w *process) bool { return w.Name == p.Name })
	})
	if err := s.driver.end(ctx, s.dir, surplus); err != nil {
		return err
	}
	for _, p := range surplus {
		for _, path := range []string{recordPath(s.dir, p.Name), infoPath(s.dir, p.Name), outPath(s.dir, p.Name), endPath(s.dir, p.Name),
			filepath.Join(s.dir, "tmp", p.Name)} {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}
