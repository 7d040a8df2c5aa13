// Package logs is CloudWatch Logs: groups, streams and their events. Groups and streams are rows of store/sql, the
// events of a stream are a log of store/seglog, one record for each batch, compressed.
//
// What is promised: events that PutLogEvents or Append acknowledged survive kill -9. They are read in the order of their
// timestamps, also when they arrived out of order, each exactly once. Retention hides events the moment they are too old
// and gives the space of whole segments back later. A subscription filter delivers each event at least once, those of a
// stream in the order of their arrival, also after kill -9. The samples of a metric filter are there when the put returns; a
// crash between the two loses them.
//
// What it must never do: answer a filter pattern or a query that it does not fully understand.
package logs
