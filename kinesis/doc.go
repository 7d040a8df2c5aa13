// Package kinesis is Amazon Kinesis Data Streams: streams, shards, records, iterators, consumers with enhanced fan-out, queues,
// channels.
//
// A stream's description is one document in store/sql and is also held in memory, so that putting and getting records
// never asks the database. The records of a shard are a log of store/seglog below the data directory; all of them
// share a journal, so that a request costs one sync, to however many shards its records go. A record that was acknowledged
// is durable.
//
// Transitions (CREATING, UPDATING, DELETING) are points in time in the document, and a status is computed from them;
// so they go on over a restart. One goroutine removes what is past its time: deleted streams, consumers
// and queues, records older than the retention period.
//
// A shard is closed by the one write of the document that makes its children (reshard.go, stream.go). With
// Config.Limits, what AWS limits is limited: throughput (limits.go), calls, and changes at once or within a day (rates.go).
//
// A stream's meter (meter.go) counts each operation at its end; the same goroutine hands every minute that is over to
// Config.Metrics (metrics.go), and splits shards of on-demand streams by what they took in it. Sizes are those that limits
// go by, with partition keys. Latencies are exact but for their percentiles, which are within three percent (spread.go).
//
// A queue (queue*.go) reads the logs of the shards and has a log of its own with what it delivered and what became of it,
// which package delivery decides. A request that changes anything costs one sync of the journal, shared with all who
// change something at that moment; the log stays short, since copies of the state take the place of what lies before.
// Where AWS's documentation leaves a rule open, this is chosen: a receipt handle is good until the record is received
// again, becomes a dead letter or is restored; one whose record is gone is answered with ResourceNotFoundException, any
// other with InvalidArgumentException; receives of dead letters are counted too; beyond 120,000 records in flight, receives
// are throttled; the owner of a queue owns its stream.
//
// A channel (channel*.go, carriers.go) has a goroutine, its carrier, which reads the logs of the shards from the moment on in
// which the channel became ACTIVE, and lets package parcel decide what makes an object. It keeps no record: it counts what has
// come, and reads it again to write it. What it is about to write, with the key, is stored before the write, and how far it
// has come after it; whatever interrupts it, the same object is written again. Config.Destinations takes the objects, with
// the rights of the channel's role; where it refuses, the carrier tells the owner's log stream and tries again, at least
// once a minute. Only what a role is told before the channel is ACTIVE makes it FAILED.
//
// Clients speak JSON 1.1 or CBOR 1.1. AWS's model has no RPC v2 CBOR, and the edge refuses it.
//
// Not done: streams with server-side encryption are described as such, but no key exists here and the records lie on
// disk as they came.
package kinesis
