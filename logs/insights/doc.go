// Package insights is the query language of CloudWatch Logs Insights ("CloudWatch Logs Insights language query syntax"):
// it parses a query and evaluates it over events that the caller hands in. It does no I/O and does not ask for the time.
//
// A query is a pipeline. It is cut into phases: in a phase rows flow one by one through fields, filter, parse, sort and
// display, and end in something that has to see all of them: stats, dedup, limit, or the answer. Of a sort only the order is
// noted, which is why a filter after it costs nothing. What a phase keeps is bounded: the rows of a limit, the groups of
// stats, the keys of dedup.
//
// What it must never do: answer a query that it does not fully understand. Commands and functions of AWS that are missing
// here are syntax errors with their position.
package insights
