package telemetry

// Units of CloudWatch that the metrics use.
const (
	milliseconds = "Milliseconds"
	bytesUnit    = "Bytes"
	percent      = "Percent"
	count        = "Count"
	perSecond    = "Count/Second"
	noUnit       = "None"
)

// level is a MonitoringConfiguration.MetricsLevel; each adds to the ones before it.
type level int

const (
	application level = iota
	task
	operator
	parallelism
)

var levels = map[string]level{"APPLICATION": application, "TASK": task, "OPERATOR": operator, "PARALLELISM": parallelism}

// scope is a set of dimensions under which a sample is published, from a level on. Tags that begin with "=" are
// constants, the others are scope variables of Flink's.
type scope struct {
	level      level
	dimensions []scopeDimension
}

type scopeDimension struct{ name, tag string }

// Every scope has the dimension Application besides.
var (
	byApplication = scope{application, nil}
	byTask        = scope{task, []scopeDimension{{"Task", "task_name"}}}
	byOperator    = scope{operator, []scopeDimension{{"Operator", "operator_name"}}}
	bySubtask     = scope{parallelism, []scopeDimension{{"Task", "task_name"}, {"Parallelism", "subtask_index"}}}
	byInstance    = scope{parallelism, []scopeDimension{{"Operator", "operator_name"}, {"Parallelism", "subtask_index"}}}
	byStream      = scope{application, []scopeDimension{{"Id", "stream"}, {"Flow", "=Input"}}}
	byShard       = scope{parallelism, []scopeDimension{{"Id", "stream"}, {"Flow", "=Input"}, {"ShardId", "shardId"}}}
	byTopic       = scope{application, []scopeDimension{{"Id", "topic"}, {"Flow", "=Input"}}}
	byFlow        = scope{application, []scopeDimension{{"Flow", "=Input"}}}
	byHost        = scope{application, []scopeDimension{{"Flow", "=Input"}, {"Host", "host"}}}
	byWorker      = scope{application, []scopeDimension{{"Flow", "=Input"}, {"Host", "host"}, {"tm_id", "tm_id"}}}
	byPartition   = scope{parallelism, []scopeDimension{{"Id", "topic"}, {"Flow", "=Input"}, {"Partition", "partition"}}}

	onlyApplication = []scope{byApplication}
	ofState         = []scope{byApplication, byFlow}
	ofTask          = []scope{byApplication, byTask, bySubtask}
	ofOperator      = []scope{byOperator, byInstance}
	ofOperatorTask  = []scope{byApplication, byTask, byOperator, byInstance}
)

// Samples a minute of one reporting entity: "Metrics and dimensions in Managed Service for Apache Flink" gives one for
// CPU and heap, two for containers, four for record counts, and one an hour for KPUs. downtime follows every report, so that an outage shorter
// than a quarter of a minute is seen.
const (
	hourly    = 0
	once      = 1
	twice     = 2
	snapshots = 4
	always    = 12
)

// metric is how a measurement of Flink's becomes a metric of CloudWatch.
type metric struct {
	from    string // measurement: logical scope and name, as the InfluxDB reporter joins them
	field   string // "value" of gauges, "count" of counters, "rate" of meters
	name    string
	unit    string
	minute  int // samples a minute
	scopes  []scope
	chained []scope // of each operator that the task of the report is made of
	scale   float64 // 0 = 1
	divisor string  // measurement of the same process; the sample is the ratio

	restarts bool // counts restarts of the JobManager too, which its own counter forgets
	up       bool // 0 while the job is down
	flink2   bool // published from Flink 2 on, though earlier ones may have it
}

const (
	tm  = "taskmanager_Status_"
	t_  = "taskmanager_job_task_"
	op  = "taskmanager_job_task_operator_"
	job = "jobmanager_job_"
)

// metrics is the table of "Metrics and dimensions in Managed Service for Apache Flink", but for what follows from more than a
// line of a report, which stands below. Where Flink measures less finely than is documented, so does the table: managed memory is
// known of TaskManagers alone. Busy, idle and back-pressured time are those of a thread: each operator of a chain has its task's.
// currentInputWatermark is told of tasks with one input too, or the documented alarm on the watermarks' distance had no data there.
var metrics = []metric{
	{from: job + "uptime", field: "value", name: "uptime", unit: milliseconds, minute: snapshots, scopes: onlyApplication, up: true},
	{from: job + "fullRestarts", field: "value", name: "fullRestarts", unit: count, minute: snapshots, scopes: onlyApplication, restarts: true},
	{from: job + "numRestarts", field: "value", name: "numRestarts", unit: count, minute: snapshots, scopes: onlyApplication, restarts: true},
	{from: job + "runningTime", field: "value", name: "runningTime", unit: milliseconds, minute: snapshots, scopes: ofState, flink2: true},
	{from: job + "restartingTime", field: "value", name: "restartingTime", unit: milliseconds, minute: snapshots, scopes: ofState, flink2: true},
	{from: job + "failingTime", field: "value", name: "failingTime", unit: milliseconds, minute: snapshots, scopes: ofState, flink2: true},
	{from: job + "cancellingTime", field: "value", name: "cancellingTime", unit: milliseconds, minute: snapshots, scopes: ofState, flink2: true},
	{from: job + "numberOfFailedCheckpoints", field: "value", name: "numberOfFailedCheckpoints", unit: count, minute: snapshots, scopes: onlyApplication},
	{from: job + "lastCheckpointDuration", field: "value", name: "lastCheckpointDuration", unit: milliseconds, minute: snapshots, scopes: onlyApplication},
	{from: job + "lastCheckpointSize", field: "value", name: "lastCheckpointSize", unit: bytesUnit, minute: snapshots, scopes: onlyApplication},

	{from: "jobmanager_Status_JVM_FileDescriptor_Max", field: "value", name: "jobmanagerFileDescriptorsMax", unit: count, minute: once, scopes: []scope{byHost}, flink2: true},
	{from: "jobmanager_Status_JVM_FileDescriptor_Open", field: "value", name: "jobmanagerFileDescriptorsOpen", unit: count, minute: once, scopes: []scope{byHost}, flink2: true},
	{from: tm + "JVM_FileDescriptor_Max", field: "value", name: "taskmanagerFileDescriptorsMax", unit: count, minute: once, scopes: []scope{byWorker}, flink2: true},
	{from: tm + "JVM_FileDescriptor_Open", field: "value", name: "taskmanagerFileDescriptorsOpen", unit: count, minute: once, scopes: []scope{byWorker}, flink2: true},

	{from: tm + "JVM_CPU_Load", field: "value", name: "cpuUtilization", unit: percent, minute: once, scopes: onlyApplication, scale: 100},
	{from: tm + "JVM_Memory_Heap_Used", field: "value", name: "heapMemoryUtilization", unit: percent, minute: once, scopes: onlyApplication, scale: 100, divisor: tm + "JVM_Memory_Heap_Max"},
	{from: tm + "JVM_Threads_Count", field: "value", name: "threadsCount", unit: count, minute: once, scopes: onlyApplication},
	{from: tm + "JVM_GarbageCollector_G1_Old_Generation_Count", field: "value", name: "oldGenerationGCCount", unit: count, minute: once, scopes: onlyApplication},
	{from: tm + "JVM_GarbageCollector_G1_Old_Generation_Time", field: "value", name: "oldGenerationGCTime", unit: milliseconds, minute: once, scopes: onlyApplication},
	{from: tm + "JVM_GarbageCollector_MarkSweepCompact_Count", field: "value", name: "oldGenerationGCCount", unit: count, minute: once, scopes: onlyApplication},
	{from: tm + "JVM_GarbageCollector_MarkSweepCompact_Time", field: "value", name: "oldGenerationGCTime", unit: milliseconds, minute: once, scopes: onlyApplication},
	{from: tm + "JVM_GarbageCollector_PS_MarkSweep_Count", field: "value", name: "oldGenerationGCCount", unit: count, minute: once, scopes: onlyApplication},
	{from: tm + "JVM_GarbageCollector_PS_MarkSweep_Time", field: "value", name: "oldGenerationGCTime", unit: milliseconds, minute: once, scopes: onlyApplication},
	{from: tm + "Flink_Memory_Managed_Used", field: "value", name: "managedMemoryUsed", unit: bytesUnit, minute: once, scopes: onlyApplication},
	{from: tm + "Flink_Memory_Managed_Total", field: "value", name: "managedMemoryTotal", unit: bytesUnit, minute: once, scopes: onlyApplication},
	{from: tm + "Flink_Memory_Managed_Used", field: "value", name: "managedMemoryUtilization", unit: percent, minute: once, scopes: onlyApplication, scale: 100, divisor: tm + "Flink_Memory_Managed_Total"},

	{from: t_ + "busyTimeMsPerSecond", field: "value", name: "busyTimeMsPerSecond", unit: milliseconds, minute: snapshots, scopes: ofTask, chained: ofOperator},
	{from: t_ + "idleTimeMsPerSecond", field: "value", name: "idleTimeMsPerSecond", unit: milliseconds, minute: snapshots, scopes: ofTask, chained: ofOperator},
	{from: t_ + "backPressuredTimeMsPerSecond", field: "value", name: "backPressuredTimeMsPerSecond", unit: milliseconds, minute: snapshots, scopes: ofTask, chained: ofOperator},
	{from: t_ + "numRecordsIn", field: "count", name: "numRecordsIn", unit: count, minute: snapshots, scopes: ofTask},
	{from: t_ + "numRecordsOut", field: "count", name: "numRecordsOut", unit: count, minute: snapshots, scopes: ofTask},
	{from: t_ + "numRecordsInPerSecond", field: "rate", name: "numRecordsInPerSecond", unit: perSecond, minute: snapshots, scopes: ofTask},
	{from: t_ + "numRecordsOutPerSecond", field: "rate", name: "numRecordsOutPerSecond", unit: perSecond, minute: snapshots, scopes: ofTask},
	{from: t_ + "currentInputWatermark", field: "value", name: "currentInputWatermark", unit: milliseconds, minute: snapshots, scopes: ofTask},

	{from: op + "numRecordsIn", field: "count", name: "numRecordsIn", unit: count, minute: snapshots, scopes: ofOperator},
	{from: op + "numRecordsOut", field: "count", name: "numRecordsOut", unit: count, minute: snapshots, scopes: ofOperator},
	{from: op + "numRecordsInPerSecond", field: "rate", name: "numRecordsInPerSecond", unit: perSecond, minute: snapshots, scopes: ofOperator},
	{from: op + "numRecordsOutPerSecond", field: "rate", name: "numRecordsOutPerSecond", unit: perSecond, minute: snapshots, scopes: ofOperator},
	{from: op + "currentInputWatermark", field: "value", name: "currentInputWatermark", unit: milliseconds, minute: snapshots, scopes: ofOperator},
	{from: op + "currentOutputWatermark", field: "value", name: "currentOutputWatermark", unit: milliseconds, minute: snapshots, scopes: ofOperatorTask},
	{from: op + "numLateRecordsDropped", field: "count", name: "numLateRecordsDropped", unit: count, minute: snapshots, scopes: ofOperatorTask},

	{from: op + "KinesisConsumer_stream_shardId_millisBehindLatest", field: "value", name: "millisBehindLatest", unit: milliseconds, minute: snapshots, scopes: []scope{byStream, byShard}},
	{from: op + "KinesisConsumer_stream_shardId_bytesRequestedPerFetch", field: "value", name: "bytesRequestedPerFetch", unit: bytesUnit, minute: snapshots, scopes: []scope{byStream, byShard}},
	{from: op + "KinesisStreamSource_accountId_region_stream_shardId_millisBehindLatest", field: "value", name: "millisBehindLatest", unit: milliseconds, minute: snapshots, scopes: []scope{byStream, byShard}},

	{from: op + "KafkaSourceReader_KafkaConsumer_records-lag-max", field: "value", name: "records_lag_max", unit: count, minute: snapshots, scopes: ofOperatorTask},
	{from: op + "KafkaConsumer_records-lag-max", field: "value", name: "records_lag_max", unit: count, minute: snapshots, scopes: ofOperatorTask},
	{from: op + "KafkaSourceReader_KafkaConsumer_bytes-consumed-rate", field: "value", name: "bytes_consumed_rate", unit: bytesUnit, minute: snapshots, scopes: ofOperatorTask},
	{from: op + "KafkaConsumer_bytes-consumed-rate", field: "value", name: "bytes_consumed_rate", unit: bytesUnit, minute: snapshots, scopes: ofOperatorTask},
	{from: op + "KafkaConsumer_commitsSucceeded", field: "count", name: "commitsSucceeded", unit: count, minute: snapshots, scopes: ofOperatorTask},
	{from: op + "KafkaConsumer_commitsFailed", field: "count", name: "commitsFailed", unit: count, minute: snapshots, scopes: ofOperatorTask},
	{from: op + "KafkaConsumer_topic_partition_currentOffsets", field: "value", name: "currentoffsets", unit: noUnit, minute: snapshots, scopes: []scope{byTopic, byPartition}},
	{from: op + "KafkaConsumer_topic_partition_committedOffsets", field: "value", name: "committedoffsets", unit: noUnit, minute: snapshots, scopes: []scope{byTopic, byPartition}},
	{from: op + "KafkaSourceReader_commitsSucceeded", field: "count", name: "commitsSucceeded", unit: count, minute: snapshots, scopes: ofOperatorTask},
	{from: op + "KafkaSourceReader_commitsFailed", field: "count", name: "commitsFailed", unit: count, minute: snapshots, scopes: ofOperatorTask},
	{from: op + "KafkaSourceReader_topic_partition_currentOffset", field: "value", name: "currentoffsets", unit: noUnit, minute: snapshots, scopes: []scope{byTopic, byPartition}},
	{from: op + "KafkaSourceReader_topic_partition_committedOffset", field: "value", name: "committedoffsets", unit: noUnit, minute: snapshots, scopes: []scope{byTopic, byPartition}},
}

// The rest of the table: what the keeper of the application and its containers tell.
var (
	downtime        = metric{name: "downtime", unit: milliseconds, minute: always, scopes: onlyApplication}
	kpus            = metric{name: "KPUs", unit: count, minute: hourly, scopes: onlyApplication}
	containerCPU    = metric{name: "containerCPUUtilization", unit: percent, minute: twice, scopes: onlyApplication}
	containerMemory = metric{name: "containerMemoryUtilization", unit: percent, minute: twice, scopes: onlyApplication}
	containerDisk   = metric{name: "containerDiskUtilization", unit: percent, minute: twice, scopes: onlyApplication}
)

// byMeasurement is the table by what comes in.
var byMeasurement = index(metrics)

func index(table []metric) map[string][]metric {
	m := map[string][]metric{}
	for _, row := range table {
		m[row.from] = append(m[row.from], row)
	}
	return m
}
