// Package parcel decides what a channel writes to a bucket: which records go together (batch.go), under what key
// (template.go), and in what form (contents.go). It is pure: records and times come in as arguments.
//
// Where AWS's documentation leaves a rule open, this is chosen: the times in a key are those of the oldest record in the
// object, as with Firehose; the unique suffix stands before the extension; a newline ends each record of the formats JSON
// and STRING unless it has one, and records of BYTE_ARRAY follow one another as they are; dead letters are JSON, one a line,
// with the record itself in base64.
package parcel
