// Package telemetry carries what applications report to CloudWatch and Logs.
//
// Metrics: Flink's InfluxDB reporter posts every few seconds; the Receiver turns reports into samples of the namespace
// AWS/KinesisAnalytics, with the names, units, dimensions and cadence of "Metrics and dimensions in Managed Service for
// Apache Flink" (a table, metrics_table.go). Of each reporting entity (a TaskManager, a subtask, a shard) and metric the
// first report in each part of a minute becomes one sample, written at once and never again: a metric is visible as soon
// as it was reported, and the statistics of a running minute are true. A sample that the sink refuses is lost, and the
// first report after a restart of the server may be one sample too many.
//
// Log lines: the Tailer follows the files of Flink's processes.
//
// The package knows no service: samples and lines leave through interfaces. It must never invent a value: what Flink
// reports as NaN or infinite is left out.
package telemetry
