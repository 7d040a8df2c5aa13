package wire

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrorCode is one error an operation can answer with, as clients see it.
type ErrorCode struct {
	Code   string // what clients match on, e.g. "ResourceNotFoundException"
	Status int    // HTTP status; 0 means 400
	Fault  bool   // the server's fault, not the caller's
	Member string // name of the message member in JSON bodies; "" means "message"
}

// Error is an answer to the caller: code and message go out as they are, so neither may hold a secret.
type Error struct {
	ErrorCode
	Message string
	Fields  map[string]any // further members of the error's shape; json.RawMessage is a structure (JSON protocols)
}

// Errorf makes an error of this code.
func (c ErrorCode) Errorf(format string, args ...any) *Error {
	return &Error{ErrorCode: c, Message: fmt.Sprintf(format, args...)}
}

// Is lets errors.Is(err, code) match any error that carries the code.
func (e *Error) Is(target error) bool {
	c, ok := target.(ErrorCode)
	return ok && c.Code == e.Code
}

// Error makes an ErrorCode usable as the target of errors.Is.
func (c ErrorCode) Error() string { return c.Code }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// HTTPStatus is the status line of the answer.
func (c ErrorCode) HTTPStatus() int {
	switch {
	case c.Status != 0:
		return c.Status
	case c.Fault:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

// Errors that no service's model lists but every service answers with.
var (
	InternalFailure        = ErrorCode{Code: "InternalFailure", Status: 500, Fault: true}
	SerializationException = ErrorCode{Code: "SerializationException", Status: 400}
	ValidationException    = ErrorCode{Code: "ValidationException", Status: 400}
	UnknownOperation       = ErrorCode{Code: "UnknownOperationException", Status: 404}
	RequestTooLarge        = ErrorCode{Code: "RequestEntityTooLarge", Status: 413}
	RequestTimeout         = ErrorCode{Code: "RequestTimeout", Status: 408}
)

// AsError gives the error a caller may see. Anything that is not an *Error is internal: the caller learns only that.
func AsError(err error) (e *Error, internal bool) {
	if errors.As(err, &e) {
		return e, false
	}
	return InternalFailure.Errorf("The request processing has failed because of an unknown error, exception or failure."), true
}
