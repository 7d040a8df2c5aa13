// Package e2e holds the tests of the whole: the built binary, spoken to by the real AWS CLI, running real Flink. Nothing in
// them knows more of the server than a user does, except where processes are killed.
package e2e
