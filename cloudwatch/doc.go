// Package cloudwatch serves CloudWatch: metrics with metric math and searches, alarms, dashboards and pictures of widgets.
//
// Points are folded into statistic buckets as they are put: count, sum, minimum, maximum, and the distinct values with
// their counts. A bucket of up to 256 distinct values gives exact percentiles, trimmed and winsorized means and ranks; beyond
// that values are rounded to steps of one percent, so these are then off by at most half a percent of a value. Every point
// goes into a bucket of a minute, of five minutes and of an hour, high-resolution points into one of a second too, all in one
// durable write; they are kept 3 hours (seconds), 15 days (minutes), 63 days (five minutes) and 455 days (hours), as on AWS.
//
// Alarms are documents in SQL. One goroutine decides them on time (evaluator.go); a change of state, its history and the
// actions that follow are one write (board.go), and another goroutine hands the actions to Config.Act.
//
// The package must never answer with a number that it cannot know: what needs the models, quotas or rules of AWS (anomaly
// detection, SERVICE_QUOTA, Metrics Insights) is refused with an error that says so. Entities of PutMetricData are checked
// and not kept.
package cloudwatch
