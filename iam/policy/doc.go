// Package policy reads IAM policy documents and decides requests with them, as the IAM User Guide describes it in
// "IAM JSON policy elements reference" and "Policy evaluation logic".
//
// It is pure: no clock, no files, no network; the time of a request is one of its condition keys. It must never accept
// a document of which it would ignore a part: an unknown element, operator or variable syntax is a *SyntaxError.
package policy
