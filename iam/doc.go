// Package iam keeps the identities of each account (users, access keys, roles, policies), issues temporary credentials
// (STS, roles of applications) and decides every request of every service. It serves the APIs of IAM and STS.
//
// Secrets are stored sealed and never logged. The package decides with iam/policy alone and must never let a request
// pass because something could not be read: such a failure is an error.
package iam
