package local

import (
	"fmt"
	"path/filepath"
	"runtime"

	"drey/driver"
)

const (
	mebi = 1 << 20
	gibi = 1 << 30

	metaspace       = 256 * mebi
	frameworkHeap   = 128 * mebi
	frameworkDirect = 128 * mebi
	minNetwork      = 64 * mebi
	minTaskHeap     = 64 * mebi

	// The share of Flink's memory for RocksDB: a KPU is about three parts heap to one part native (developer guide,
	// "Understand Managed Service for Apache Flink application resources").
	managedShare = 0.25
)

// budget is how a TaskManager's process memory is split (Flink documentation, "Set up TaskManager Memory").
type budget struct {
	taskHeap, managed, network, overhead int64
}

func split(process int64) (budget, error) {
	b := budget{overhead: clamp(process/10, 128*mebi, gibi)}
	flink := process - metaspace - b.overhead
	b.network = clamp(flink/10, minNetwork, gibi)
	b.managed = int64(float64(flink) * managedShare)
	b.taskHeap = flink - b.network - b.managed - frameworkHeap - frameworkDirect
	if b.taskHeap < minTaskHeap {
		return b, fmt.Errorf("%d MiB are too little for a KPU: give at least 1024 MiB with --kpu-memory", process/mebi)
	}
	return b, nil
}

// CheckMemory tells why a TaskManager cannot have so few bytes; nil = it can.
func CheckMemory(process int64) error {
	_, err := split(process)
	return err
}

func clamp(n, low, high int64) int64 { return max(low, min(n, high)) }

// heap is the JVM's heap.
func (b budget) heap() int64 { return b.taskHeap + frameworkHeap }

// direct is the JVM's direct memory.
func (b budget) direct() int64 { return frameworkDirect + b.network }

// jobManagerMemory is the process memory of a JobManager beside TaskManagers of the given size.
func jobManagerMemory(taskManager int64) int64 { return clamp(taskManager, gibi, 1600*mebi) }

// jobManagerCPU keeps a busy main() from taking the machine, and lets a JobManager start as fast as it can use cores.
const jobManagerCPU = 2

// share is what a process may use: memory with room for the daemons that connectors bring along, and cores.
func (s *sandbox) share(p *process) (memory int64, cpu float64) {
	if p.Role == driver.JobManager {
		return jobManagerMemory(s.cluster.MemoryPerTaskManager) * 5 / 4, jobManagerCPU
	}
	return s.cluster.MemoryPerTaskManager * 5 / 4, s.cluster.CPUPerTaskManager
}

// flags are the JVM's options. G1 is pinned, for the names of its metrics are documented; the garbage collector gets no
// more threads than the machine has cores.
func (s *sandbox) flags(p *process) []string {
	a := []string{"-XX:+UseG1GC", "-XX:MetaspaceSize=192m", "-XX:MaxMetaspaceSize=256m", "-Xshare:auto", "-XX:-UsePerfData",
		fmt.Sprintf("-XX:ParallelGCThreads=%d", min(runtime.NumCPU(), 4)), "-Djava.io.tmpdir=/tmp"}
	if archive := s.dist.ClassArchive(s.tools.javaBuild, string(p.Role)); archive != "" {
		a = append(a, "-XX:SharedArchiveFile="+archive, "-Xlog:cds=off", "-Xlog:class+path=off")
	}
	if s.driver.dump != "" {
		a = append(a, "-XX:ArchiveClassesAtExit="+filepath.Join(s.driver.dump, string(p.Role)+".jsa"))
	}
	if p.Role == driver.JobManager {
		a = append(a, "-XX:TieredStopAtLevel=1")
		heap := jobManagerMemory(s.cluster.MemoryPerTaskManager) - metaspace - 128*mebi - 192*mebi
		a = append(a, fmt.Sprintf("-Xmx%d", heap), fmt.Sprintf("-Xms%d", heap))
	} else {
		b, _ := split(s.cluster.MemoryPerTaskManager) // refused before if too small
		a = append(a, fmt.Sprintf("-Xmx%d", b.heap()), fmt.Sprintf("-Xms%d", b.heap()), fmt.Sprintf("-XX:MaxDirectMemorySize=%d", b.direct()))
	}
	return append(a, s.dist.JVMOptions...)
}
