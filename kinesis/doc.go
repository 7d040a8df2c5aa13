// Package kinesis is Amazon Kinesis Data Streams: streams, shards, records, iterators, consumers with enhanced fan-out.
//
// A stream's description is one document in store/sql and is also held in memory, so that putting and getting records
// never asks the database. The records of a shard are a log of store/seglog below the data directory; all of them
// share a journal, so that a request costs one sync, to however many shards its records go. A record that was acknowledged
// is durable.
//
// Transitions (CREATING, UPDATING, DELETING) are points in time in the document, and a status is computed from them;
// so they go on over a restart. One goroutine removes what is past its time: deleted streams, deleted consumers,
// records older than the retention period.
//
// A shard is closed by the one write of the document that makes its children (reshard.go, stream.go). With
// Config.Limits, what AWS limits is limited: throughput (limits.go), calls, and changes at once or within a day (rates.go).
//
// A stream's meter (meter.go) counts each operation at its end; the same goroutine hands every minute that is over to
// Config.Metrics (metrics.go), and splits shards of on-demand streams by what they took in it. Sizes are those that limits
// go by, with partition keys. Latencies are exact but for their percentiles, which are within three percent (spread.go).
//
// Not done: streams with server-side encryption are described as such, but no key exists here and the records lie on
// disk as they came.
package kinesis
