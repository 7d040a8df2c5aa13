package reconcile

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"drey/app"
	"drey/app/appdb"
	"drey/driver"
	"drey/driver/sim"
	"drey/flink"
	"drey/flink/flinktest"
	msfmodel "drey/model/kinesisanalyticsv2"
	"drey/msf"
	"drey/runtimes"
	"drey/store/sql"
	"drey/wire"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	name    = "orders"
	roleARN = "arn:aws:iam::123456789012:role/app"
)

// house is a machine with a server whose keeper takes a step when the test says so. Restarting the server, which happens
// at any moment, leaves the machine, the JobManager and the disk as they are.
type house struct {
	*testing.T
	machine *sim.Machine
	jm      *flinktest.JobManager
	db      *appdb.DB
	dir     string
	clock   time.Time
	api     *msf.Service
	loop    *loop
	vault   *vault
	bucket  bucket
	records []string
	notes   []string
	load    []app.Load
	rigid   bool   // the runtime cannot rescale in place
	checker string // path of the state check; "" = there is none

	mu      sync.Mutex         // of the next three, which Flink's side reads as well
	effects int                // things done to the machine and to Flink
	cutAt   int                // the server dies after this one; 0 = never
	dropAt  int                // the server dies before this one; 0 = never
	cut     context.CancelFunc // ends the server
	fresh   bool               // a new server for each step
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, dir: t.TempDir(), clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), jm: flinktest.Start(t)}
	h.bucket = bucket{h, map[string][]byte{}}
	h.jm.After = func(string, string) { h.effect() }
	h.jm.Now = func() time.Time { return h.clock }
	h.jm.Before = func(string, string) bool { return h.attempt() == nil }
	h.machine = &sim.Machine{REST: func(string) string { return h.jm.URL }}
	db, err := sql.Open(filepath.Join(h.dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if h.db, err = appdb.Open(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	h.api = msf.Open(msf.Config{
		DB: h.db, Keeper: h, Roles: h, Objects: h, CodeDir: h.dir, MaxKPUs: 64, Java: java, Compatible: runtimes.Compatible, Rescales: h.rescales, Now: h.now, Runtime: func(string) error { return nil },
	})
	h.restart()
	t.Cleanup(func() { h.loop.abandon(); h.loop.wg.Wait(); h.loop.flinks.Close() })
	return h
}

// rescales tells that the runtime can, unless the test says otherwise.
func (h *house) rescales(string) bool { return !h.rigid }

func java(string) flink.Java { return flink.Java{Release: 11, ClassVersion: 61} }

func (h *house) now() time.Time { return h.clock }

// restart is the server's: what it had in memory is gone.
func (h *house) restart() {
	if h.loop != nil {
		h.loop.abandon()
		h.loop.wg.Wait()
		h.loop.flinks.Close()
	}
	k := &Keeper{Config: Config{
		DB: h.db, Driver: cutting{h.machine.Open(), h}, Tokens: h, Telemetry: h, StateDir: filepath.Join(h.dir, "state"), CodeDir: h.dir,
		SnapshotDir: filepath.Join(h.dir, "snapshots"), Objects: h.bucket, KPUMemory: 1 << 30, Compatible: runtimes.Compatible, Rescales: h.rescales, Scaling: app.AWSRule, MaxKPUs: 64, StateChecker: func(string) string { return h.checker }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: h.now,
	}}
	k.ctx = h.Context()
	h.loop = newLoop(k, app.Key{Account: account, Region: region, Name: name})
	k.loops = map[app.Key]*loop{h.loop.key: h.loop}
	h.vault = newVault(k)
}

// effect counts what was done, and ends the server after the one that the test named.
func (h *house) effect() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.effects++
	if h.effects == h.cutAt {
		h.cut()
	}
}

var errDied = errors.New("the server died")

// attempt is called before an effect, and ends the server before the one that the test named.
func (h *house) attempt() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.effects+1 != h.dropAt {
		return nil
	}
	h.dropAt = 0
	h.cut()
	return errDied
}

// cutting is a driver whose server may die when it has done something and not noted it.
type cutting struct {
	driver.Driver
	h *house
}

func (c cutting) Ensure(ctx context.Context, cluster driver.Cluster) (driver.Handle, error) {
	if err := c.h.attempt(); err != nil {
		return driver.Handle{}, err
	}
	handle, err := c.Driver.Ensure(ctx, cluster)
	c.h.jm.SetSlots(cluster.TaskManagers*cluster.SlotsPerTaskManager, cluster.SlotsPerTaskManager)
	c.h.effect()
	return handle, err
}

func (c cutting) Stop(ctx context.Context, handle driver.Handle) error {
	if err := c.h.attempt(); err != nil {
		return err
	}
	err := c.Driver.Stop(ctx, handle)
	c.h.jm.Restart()
	c.h.effect()
	return err
}

// pass takes one step, in a server that dies in its midst if the test wants it so.
func (h *house) pass() error {
	h.clock = h.clock.Add(time.Second)
	ctx, cancel := context.WithCancel(h.Context())
	defer cancel()
	h.mu.Lock()
	h.cut = cancel
	h.mu.Unlock()
	_, err := h.loop.pass(ctx)
	if ctx.Err() == nil {
		err = errors.Join(err, h.workOnSnapshots(ctx))
	}
	if ctx.Err() != nil {
		h.restart()
		return nil
	}
	if h.fresh {
		h.restart()
	}
	return err
}

// until takes steps until the application is as wanted.
func (h *house) until(what string, ok func(*app.Application) bool) {
	h.Helper()
	for range 200 {
		a, err := h.db.Application(h.Context(), h.loop.key)
		if err != nil && !errors.Is(err, appdb.ErrNotFound) {
			h.Fatal(err)
		}
		if ok(a) {
			return
		}
		if err := h.pass(); err != nil && !errors.Is(err, appdb.ErrNotFound) {
			h.Fatalf("until %s: %v", what, err)
		}
	}
	a, err := h.db.Application(h.Context(), h.loop.key)
	h.Fatalf("%s was not reached: %+v %v; the last operation is %+v", what, a, err, h.lastOperation())
}

// settled waits for the end of the operation in progress.
func (h *house) settled(want app.Status) {
	h.Helper()
	h.until(string(want), func(a *app.Application) bool { return a != nil && a.Operation == nil && a.Status() == want })
}

func (h *house) application() *app.Application {
	h.Helper()
	a, err := h.db.Application(h.Context(), h.loop.key)
	if err != nil {
		h.Fatal(err)
	}
	return a
}

func (h *house) lastOperation() *app.Operation { h.Helper(); return h.operations()[0] }

// operations lists newest first.
func (h *house) operations() (all []*app.Operation) {
	h.Helper()
	a := h.application()
	err := h.db.Read(h.Context(), func(tx *appdb.Tx) (err error) {
		all, err = tx.Operations(a.ID)
		return err
	})
	if err != nil || len(all) == 0 {
		h.Fatal("no operations", err)
	}
	return all
}

func (h *house) snapshots() (list []*app.Snapshot) {
	h.Helper()
	a := h.application()
	err := h.db.Read(h.Context(), func(tx *appdb.Tx) (err error) {
		list, err = tx.Snapshots(a.ID)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return list
}

// kill ends a process of the application's cluster.
func (h *house) kill(process string) {
	h.Helper()
	if err := h.machine.Kill(h.application().ID, process, "killed by the test"); err != nil {
		h.Fatal(err)
	}
	if process == "flink-jobmanager" {
		h.jm.Restart()
	}
}

func (h *house) as() context.Context {
	return wire.WithRequest(h.Context(), &wire.Request{ID: "r", Account: account, Region: region, Time: h.clock})
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) create() {
	h.Helper()
	_, err := h.api.CreateApplication(h.as(), &msfmodel.CreateApplicationInput{
		ApplicationName: new(name), RuntimeEnvironment: msfmodel.RuntimeEnvironmentFLINK1_18, ServiceExecutionRole: new(roleARN),
		ApplicationConfiguration: &msfmodel.ApplicationConfiguration{ApplicationCodeConfiguration: &msfmodel.ApplicationCodeConfiguration{
			CodeContentType: msfmodel.CodeContentTypeZIPFILE,
			CodeContent:     &msfmodel.CodeContent{S3ContentLocation: &msfmodel.S3ContentLocation{BucketARN: new("arn:aws:s3:::code"), FileKey: new("one")}},
		}},
	})
	h.must(err)
}

func (h *house) start() {
	h.Helper()
	_, err := h.api.StartApplication(h.as(), &msfmodel.StartApplicationInput{ApplicationName: new(name)})
	h.must(err)
}

func (h *house) stop(force bool) {
	h.Helper()
	_, err := h.api.StopApplication(h.as(), &msfmodel.StopApplicationInput{ApplicationName: new(name), Force: &force})
	h.must(err)
}

// update brings new code, and another cluster if there are properties.
func (h *house) update(properties map[string]string) {
	h.Helper()
	u := &msfmodel.ApplicationConfigurationUpdate{ApplicationCodeConfigurationUpdate: &msfmodel.ApplicationCodeConfigurationUpdate{
		CodeContentUpdate: &msfmodel.CodeContentUpdate{S3ContentLocationUpdate: &msfmodel.S3ContentLocationUpdate{FileKeyUpdate: new("two")}},
	}}
	if properties != nil {
		u.EnvironmentPropertyUpdates = &msfmodel.EnvironmentPropertyUpdates{PropertyGroups: []msfmodel.PropertyGroup{{PropertyGroupId: new("g"), PropertyMap: properties}}}
	}
	_, err := h.api.UpdateApplication(h.as(), &msfmodel.UpdateApplicationInput{
		ApplicationName: new(name), CurrentApplicationVersionId: new(h.application().Version.ID), ApplicationConfigurationUpdate: u,
	})
	h.must(err)
}

func (h *house) delete() {
	h.Helper()
	_, err := h.api.DeleteApplication(h.as(), &msfmodel.DeleteApplicationInput{ApplicationName: new(name), CreateTimestamp: new(h.application().Created)})
	h.must(err)
}

// What the keeper and the API need of others.

func (h *house) ApplicationToken(_ context.Context, _, arn, _ string) (string, error) {
	return "token of " + arn, nil
}
func (h *house) ForgetApplication(context.Context, string, string) error { return nil }
func (h *house) Watch(*app.Application, string, driver.Report)           {}
func (h *house) Note(_ context.Context, _ *app.Application, message string) {
	h.notes = append(h.notes, message)
}
func (h *house) CPU(context.Context, *app.Application) ([]app.Load, error) { return h.load, nil }
func (h *house) Forget(*app.Application)                                   {}
func (h *house) Record(_ context.Context, _ *app.Application, code, message string) {
	h.records = append(h.records, code+": "+message)
}
func (h *house) Poke(app.Key)                                                           {}
func (h *house) PokeSnapshots()                                                         {}
func (h *house) Checkpoint(a *app.Application) string                                   { return h.loop.Checkpoint(a) }
func (h *house) JobPlan(context.Context, *app.Application) string                       { return "" }
func (h *house) CheckServiceRole(context.Context, string, string, string, string) error { return nil }

// Health looks as the keeper does.
func (h *house) Health(context.Context, app.Key) app.Health {
	s, err := h.loop.observe(h.Context(), h.application())
	h.must(err)
	return s.Health(h.application())
}

// OpenCode gives a small jar that depends on the key.
func (h *house) OpenCode(_ context.Context, _, _, _, _, key, _ string) (io.ReadCloser, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range []struct{ name, body string }{
		{"META-INF/MANIFEST.MF", "Main-Class: Main\n"}, {"Main.class", "\xCA\xFE\xBA\xBE\x00\x00\x00\x37"}, {"key", key},
	} {
		w, err := z.Create(f.name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(f.body)); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(&b), z.Close()
}

// jar is the id under which the JobManager lists the code of a key.
func (h *house) jar(key string) string {
	h.Helper()
	body, err := h.OpenCode(h.Context(), "", "", "", "", key, "")
	h.must(err)
	sum := sha256.New()
	_, err = io.Copy(sum, body)
	h.must(err)
	return hex.EncodeToString(sum.Sum(nil)) + ".jar"
}

// restored lists where the accepted submissions got their state from, by the names of the snapshots.
func (h *house) restored(names map[string]string) (list []string) {
	for _, s := range h.jm.Submissions() {
		switch known, ok := names[s.SavepointPath]; {
		case s.SavepointPath == "":
			list = append(list, "empty")
		case ok:
			list = append(list, known)
		default:
			list = append(list, s.SavepointPath)
		}
	}
	return slices.Clip(list)
}
