// Package wire holds what every AWS request has in common: operations, errors, the caller, and the permissions a
// request needs. The protocols (JSON, CBOR, Query, REST-XML, event stream) are its sub-packages, each written once.
//
// It knows no service and no storage, and must never import one: services hand it tables of operations.
package wire
