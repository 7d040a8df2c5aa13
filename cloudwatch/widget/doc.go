// Package widget reads metric widgets ("GetMetricWidgetImage: Metric Widget Structure and Syntax") and draws them. It does no
// I/O: whoever computes the metrics hands the series over. What it cannot draw is refused, not left out.
package widget
