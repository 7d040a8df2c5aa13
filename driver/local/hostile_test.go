package local_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"drey/driver"
	"drey/driver/local"
)

func TestHostileApplicationReachesNothingOfOthers(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	d := open(t, dir)
	for _, path := range []string{filepath.Join(home, "secret"), filepath.Join(dir, "drey.db"), filepath.Join(dir, "access.json")} {
		writeSecret(t, path)
	}
	victim, mine := small("victim"), small("mine")
	for _, c := range []*driver.Cluster{&victim, &mine} {
		c.State = filepath.Join(dir, "state", c.ID)
		c.Environment = map[string]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN": "token-of-" + c.ID}
		c.Properties = []byte(`[{"PropertyGroupId": "g", "PropertyMap": {"password": "password-of-` + c.ID + `"}}]`)
	}
	writeSecret(t, filepath.Join(victim.State, "checkpoint"))
	v := attackInMain(t, d, victim)
	a := attack(t, d, mine)
	other := jvm(t, dir, "victim", "flink-jobmanager")

	allowed := []string{
		"read /etc/flink/application_properties.json", "read " + mine.State, "write /tmp/file", "processes",
		"write " + filepath.Join(mine.State, "file"), "run true", "run " + openSocket(0),
	}
	refused := []string{
		"read " + filepath.Join(home, "secret"), "read " + filepath.Join(dir, "drey.db"), "read " + filepath.Join(dir, "access.json"),
		"read " + filepath.Join(dir, "victim"), "read " + filepath.Join(dir, "victim", "conf", "application_properties.json"),
		"read " + filepath.Join(victim.State, "checkpoint"), "read " + filepath.Join(dir, "mine", "cluster.json"), "read " + filepath.Join(dir, "mine", "run"),
		"read /home", "read /etc/shadow", "read /sys/fs/cgroup", "read /dev/mem", "read /proc/kcore",
		fmt.Sprintf("read /proc/%d/environ", other), fmt.Sprintf("read /proc/%d/mem", other), fmt.Sprintf("read /proc/%d/environ", os.Getpid()),
		fmt.Sprintf("run kill -0 %d", other), fmt.Sprintf("run kill -0 %d", os.Getpid()),
		"write /proc/sys/kernel/core_pattern", "write /proc/sysrq-trigger", "write /usr/bin/sh", "write /etc/flink/application_properties.json",
		"write " + filepath.Join(dir, "mine", "conf", "flink-conf.yaml"),
		"write /proc/irq/default_smp_affinity", "write " + filepath.Join(dir, "mine", "upload", "flink-web-upload", "hostile.jar"),
		"run mount -t tmpfs none /tmp", "run unshare --user true", "run " + openSocket(multipathTCP),
	}
	for _, where := range []string{inMain, inTask} {
		outcomes := a.attempts(t, where, append(allowed, refused...)...)
		for _, order := range allowed {
			if !done(outcomes[order]) {
				t.Errorf("in %s: %s: %.300s", where, order, outcomes[order])
			}
		}
		for _, order := range refused {
			if done(outcomes[order]) {
				t.Errorf("in %s: %s: %.300s", where, order, outcomes[order])
			}
		}
		if o := outcomes["read /etc/flink/application_properties.json"]; !strings.Contains(o, "password-of-mine") {
			t.Errorf("in %s: the application has not its own properties: %s", where, o)
		}
		o := outcomes["processes"]
		if !strings.Contains(o, "token-of-mine") || strings.Contains(o, "token-of-victim") || strings.Count(o, "pid ") > 4 {
			t.Errorf("in %s: the process list is not the application's own: %.2000s", where, o)
		}
	}
	t.Run("Ports", func(t *testing.T) { testPorts(t, a, v) })
	t.Run("LinksInPlaceOfLogsLeadNowhere", func(t *testing.T) {
		log := filepath.Join(dir, "mine", "log")
		links := []string{
			"link " + filepath.Join(home, "secret") + " " + filepath.Join(log, "flink-taskmanager-1-1.json"),
			"link " + filepath.Join(home, "secret") + " " + filepath.Join(log, "flink-taskmanager-1-1.out"),
			"write " + filepath.Join(log, "more.json"),
		}
		for order, outcome := range a.attempts(t, inTask, links...) {
			if !done(outcome) {
				t.Fatalf("%s: %s", order, outcome)
			}
		}
		r, err := d.Inspect(t.Context(), a.handle)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{filepath.Join(log, "flink-jobmanager.json")}; !slices.Equal(r.LogFiles, want) {
			t.Errorf("log files %v, want %v", r.LogFiles, want)
		}
		kill(t, filepath.Join(dir, "mine", "run", "flink-taskmanager-1-1.info"))
		awaitDead(t, d, a.handle)
		if r, err = d.Inspect(t.Context(), a.handle); err != nil || strings.Contains(fmt.Sprint(r), "secret") {
			t.Errorf("the report gives the secret away: %v (%v)", r, err)
		}
	})
}

const (
	jobManager  = "flink-jobmanager"
	taskManager = "flink-taskmanager-1-1"
)

// TestHostileApplicationHurtsItselfOnly lets one cluster do its worst beside another that must not notice.
func TestHostileApplicationHurtsItselfOnly(t *testing.T) {
	unlessUnlimited(t, "")
	dir := memoryDir(t)
	reserve := free(t, dir) - 256<<20
	d := openWith(t, local.Config{Dir: dir, Runtimes: library(t), DiskMax: 64 << 20, DiskReserve: reserve})
	victim, mine := small("victim"), small("mine")
	mine.State = filepath.Join(dir, "state", "mine")
	neighbour := start(t, d, victim)
	a := attack(t, d, mine)
	awaitSlots(t, d, neighbour, 1)

	unhurt := func(t *testing.T) {
		t.Helper()
		if !alive(t, d, neighbour) {
			t.Error("the neighbour is hurt")
		}
	}
	a.act(t, "CPU", func(t *testing.T) {
		if quota := cpuQuota(t, "mine."+taskManager); quota != "100000" {
			t.Errorf("the quota is %s µs in 100 ms", quota)
		}
		before, began := a.cpuSeconds(t), time.Now()
		a.attempts(t, inTask, "spin 3000")
		if used, most := a.cpuSeconds(t)-before, time.Since(began).Seconds()*1.25+0.2; used > most {
			t.Errorf("the TaskManager used %.2f s of CPU time, and %.2f are its share", used, most)
		}
		unhurt(t)
	})
	a.act(t, "Output", func(t *testing.T) {
		a.attempts(t, inTask, "print 64")
		a.awaitOutput(t, 8<<20)
		unhurt(t)
	})
	a.act(t, "HeapInTask", func(t *testing.T) {
		_, answer := a.order(t, inTask, "heap")
		if cause := a.awaitFailure(t, <-answer); !strings.Contains(cause, "OutOfMemoryError") {
			t.Errorf("the job failed with %.500q", cause)
		}
		unhurt(t)
	})
	a.act(t, "ForkBomb", func(t *testing.T) {
		said := strings.Fields(a.attempts(t, inTask, "bomb")["bomb"]) // a complaint of the shell, and a number
		if n, err := strconv.Atoi(said[len(said)-1]); err != nil || n < 100 || n > 4096 {
			t.Errorf("%d processes were started: %v", n, said)
		}
		if err := exec.Command("true").Run(); err != nil {
			t.Errorf("the machine starts no process: %v", err)
		}
		unhurt(t)
		kill(t, filepath.Join(dir, "mine", "run", taskManager+".info"))
		awaitExit(t, d, a.handle, taskManager)
		a.revive(t)
	})
	// Acts that their process does not survive, and what is said of it.
	for _, act := range []struct{ name, where, process, order, exit string }{
		{"NativeMemory", inTask, taskManager, "native", "killed: used more than its 1280 MiB of memory"},
		{"Disk", inTask, taskManager, "fill /tmp/junk 128", "killed: its /tmp held more than 64 MiB"},
		// Flink's own end waits for main(), which waits for it: after 5 s it halts.
		{"Exit", inMain, jobManager, "exit 7", "it ended with exit code 239 (a fatal error of Flink, or System.exit in the application's code)"},
	} {
		a.act(t, act.name, func(t *testing.T) {
			a.order(t, act.where, act.order)
			if exit := awaitExit(t, d, a.handle, act.process); !strings.HasPrefix(exit, act.exit) {
				t.Errorf("exit %q, want %q", exit, act.exit)
			}
			unhurt(t)
			a.revive(t)
		})
	}
	a.act(t, "DiskOfAll", func(t *testing.T) {
		junk := filepath.Join(mine.State, "junk")
		a.order(t, inTask, "fill "+junk+" 320")
		if exit := awaitExit(t, d, a.handle, taskManager); !strings.HasPrefix(exit, "killed: the disk has only ") {
			t.Errorf("exit %q", exit)
		}
		unhurt(t)
		more := filepath.Join(dir, "more") // the dead gave back a little
		if err := os.WriteFile(more, make([]byte, 64<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Ensure(t.Context(), a.cluster); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("on a full disk a start fails with %v", err)
		}
		if err := errors.Join(os.Remove(junk), os.Remove(more)); err != nil {
			t.Fatal(err)
		}
		for free(t, dir) < reserve { // the dead let go of it
			<-time.After(10 * time.Millisecond)
		}
		a.revive(t)
	})
	// A JobManager without memory answers or ends, as it happens.
	a.act(t, "HeapInMain", func(t *testing.T) {
		_, answer := a.order(t, inMain, "heap")
		if said := <-answer; !strings.Contains(said, "OutOfMemoryError") && !strings.Contains(said, "EOF") && !strings.Contains(said, "reset") {
			t.Errorf("the JobManager said %.500q", said)
		}
		unhurt(t)
	})
}

// unlessUnlimited skips what would hit the machine because an ordinary user cannot limit it. Root can.
func unlessUnlimited(t *testing.T, what string) {
	t.Helper()
	missing := slices.DeleteFunc(local.Unlimited(), func(s string) bool { return !strings.HasPrefix(s, what) })
	switch {
	case len(missing) == 0:
	case os.Geteuid() == 0:
		t.Fatalf("root cannot limit %q", missing)
	default:
		t.Skipf("this user cannot limit %q", missing)
	}
}

// cpuQuota reads what the kernel was told, as a busy machine may give no more than that anyway.
func cpuQuota(t *testing.T, group string) string {
	t.Helper()
	for _, pattern := range []string{"/sys/fs/cgroup/cpu/drey/" + group + ".*/cpu.cfs_quota_us", "/sys/fs/cgroup/drey/" + group + ".*/cpu.max"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if procs, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cgroup.procs")); err == nil && len(procs) > 0 {
				return strings.Fields(string(body))[0]
			}
		}
	}
	t.Fatal("no group of a living process")
	return ""
}

const multipathTCP = 262

func openSocket(protocol int) string {
	return fmt.Sprintf("python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, %d)'", protocol)
}

// testPorts lets an application look for others on the network of the machine, which it shares with them.
func testPorts(t *testing.T, a, other *attacker) {
	unlessUnlimited(t, "connections")
	outcome := other.attempts(t, inMain, "listen")["listen"]
	port, ok := strings.CutPrefix(outcome, "DONE ")
	if !ok {
		t.Fatal(outcome)
	}
	ours, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	machine := fmt.Sprint(ours.Addr().(*net.TCPAddr).Port)
	allowed, refused := []string{}, []string{"run bash -c 'echo >/dev/tcp/0.0.0.0/" + port + "'", "connect 0:0:0:0:0:0:0:0 " + port}
	for _, address := range []string{"127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"} {
		allowed = append(allowed, "connect "+address+" "+machine, "run bash -c 'echo >/dev/tcp/"+address+"/"+machine+"'")
		refused = append(refused, "connect "+address+" "+port, "run bash -c 'echo >/dev/tcp/"+address+"/"+port+"'")
	}
	for _, p := range flinkPorts(t, a) {
		allowed = append(allowed, "connect 127.0.0.1 "+p)
	}
	for _, p := range flinkPorts(t, other) {
		refused = append(refused, "connect 127.0.0.1 "+p)
	}
	for _, where := range []string{inMain, inTask} {
		for order, outcome := range a.attempts(t, where, append(allowed, refused...)...) {
			if slices.Contains(allowed, order) != done(outcome) || !done(outcome) && !strings.Contains(outcome, "not permitted") {
				t.Errorf("in %s: %s: %s", where, order, outcome)
			}
		}
	}
}

// flinkPorts are those on which a JobManager listens.
func flinkPorts(t *testing.T, a *attacker) []string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(a.driver.Dir, a.cluster.ID, "cluster.json"))
	if err != nil {
		t.Fatal(err)
	}
	var plan struct{ RESTPort, RPCPort, BlobPort int }
	if err := json.Unmarshal(body, &plan); err != nil {
		t.Fatal(err)
	}
	return []string{fmt.Sprint(plan.RESTPort), fmt.Sprint(plan.RPCPort), fmt.Sprint(plan.BlobPort)}
}
