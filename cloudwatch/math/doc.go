// Package math reads and computes metric math, as "Using math expressions with CloudWatch metrics" defines it. It is pure:
// series come in through Env, series go out. It must never answer a number that the page does not promise: a function that
// needs what only AWS has (quotas, models, insight rules), and a combination of types that the page does not list, are
// errors.
//
// Types are those of the page: a scalar, a time series, an array of time series. Missing values count as 0 in arithmetic
// and comparisons, and AVG of an array counts them too; other aggregates skip them. A point that is no number (division by
// zero, logarithm of a negative) is dropped, and Series.Dropped tells. STDDEV is the deviation of the population.
package math
