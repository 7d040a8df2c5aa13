// Package seglog keeps append-only logs on disk: a log is a directory of segments, a segment is a file of framed
// records, each with a checksum. Records get ordinals 1, 2, 3 … and the time of their arrival, which never goes back.
//
//	l := seglog.New(dir, seglog.Options{})         // no I/O yet, no goroutine ever
//	first, at, err := l.Append(a, b, c)            // durable when err is nil; ordinals first, first+1, first+2
//	r := l.Reader(first)                           // or l.ReaderAt(time)
//	defer r.Close()
//	rec, err := r.Next()                           // io.EOF at the end; later calls see what was appended since
//	<-l.Grown(rec.Ordinal)                         // wait until a later record is there
//	l.Trim(time.Now().Add(-24 * time.Hour))        // unlinks whole segments
//
// What is promised: an acknowledged record survives kill -9 and loss of power. Appenders that come at the same time
// share one fdatasync. A group that could not be written, for example on a full disk, fails for all its appenders and
// leaves no trace; the log goes on and works again when there is space. A torn tail, left by a crash in the middle of
// an append that nobody was told of, is cut when the log is opened and reported through Options.Report. Damage to
// records that were acknowledged is a *CorruptError and is never cut. Readers see durable records only, and hold no
// lock while they read.
//
// Many logs that are written together share a Journal:
//
//	j, err := seglog.OpenJournal(root, seglog.JournalOptions{})     // gives to the segments what a crash kept from them
//	l := seglog.New(root+"/a", seglog.Options{Journal: j})
//	j.Append(&seglog.Batch{Log: l, Payloads: p}, …)                 // one fdatasync for all logs and all who append now
//
// A group of appends is then written twice, to the segments and to the journal, and only the journal is synced at once: the
// segments follow in the background. An fdatasync for each of eight files takes six times as long as one of the journal.
//
// A directory belongs to one Log of one process at a time; the package does not lock it.
package seglog
