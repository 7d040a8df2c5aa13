package edge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"drey/wire"
	"drey/wire/awsjson"
	"drey/wire/restxml"
)

// family is how a group of protocols spells an error that is not of a service's model.
type family map[string]wire.ErrorCode

// The spellings (IAM user guide, "Troubleshoot Signature Version 4 for AWS API requests"; the services' "Common Errors";
// S3 API reference, "Error responses").
var (
	jsonErrors = family{
		"MissingAuthenticationToken": {Code: "MissingAuthenticationTokenException", Status: 400},
		"IncompleteSignature":        {Code: "IncompleteSignatureException", Status: 400},
		"InvalidClientTokenId":       {Code: "UnrecognizedClientException", Status: 400},
		"SignatureDoesNotMatch":      {Code: "InvalidSignatureException", Status: 400},
		"RequestTimeTooSkewed":       {Code: "InvalidSignatureException", Status: 400},
		"ExpiredToken":               {Code: "ExpiredTokenException", Status: 400},
		"AccessDenied":               {Code: "AccessDeniedException", Status: 400},
		"XAmzContentSHA256Mismatch":  {Code: "InvalidSignatureException", Status: 400},
		"IncompleteBody":             {Code: "SerializationException", Status: 400},
		"RequestEntityTooLarge":      {Code: "RequestEntityTooLargeException", Status: 413},
		"RequestTimeout":             {Code: "RequestTimeoutException", Status: 408},
	}
	queryErrors = family{
		"RequestTimeTooSkewed":      {Code: "SignatureDoesNotMatch", Status: 403},
		"AccessDeniedException":     {Code: "AccessDenied", Status: 403},
		"AccessDenied":              {Code: "AccessDenied", Status: 403},
		"ExpiredToken":              {Code: "ExpiredToken", Status: 403},
		"XAmzContentSHA256Mismatch": {Code: "SignatureDoesNotMatch", Status: 403},
		"UnknownOperationException": {Code: "InvalidAction", Status: 400},
	}
	s3Errors = family{
		"MissingAuthenticationToken": {Code: "AccessDenied", Status: 403},
		"IncompleteSignature":        {Code: "AuthorizationHeaderMalformed", Status: 400},
		"InvalidClientTokenId":       {Code: "InvalidAccessKeyId", Status: 403},
		"ExpiredToken":               {Code: "ExpiredToken", Status: 400},
		"RequestTimeout":             {Code: "RequestTimeout", Status: 400},
		"AccessDenied":               {Code: "AccessDenied", Status: 403},
		"AccessDeniedException":      {Code: "AccessDenied", Status: 403},
		"InternalFailure":            {Code: "InternalError", Status: 500, Fault: true},
		"UnknownOperationException":  {Code: "NotImplemented", Status: 501},
	}
)

// texts are the messages that go with a spelling, where the reason's own would not fit.
var texts = map[string]string{
	"InvalidAccessKeyId": "The AWS Access Key Id you provided does not exist in our records.",
}

// fail answers with an error, in the protocol of the request.
func (c *call) fail(err error) {
	e, internal := wire.AsError(err)
	if internal {
		c.Log.Error("request failed", "id", c.req.ID, "service", c.req.Service, "operation", c.req.Op, "error", err)
	}
	if e.Code == "AccessDenied" || e.Code == "AccessDeniedException" {
		c.Log.Warn("denied", "service", c.req.Service, "operation", c.req.Op, "reason", e.Message)
	}
	d := c.dialect
	if d == nil {
		d = json11
	}
	if spelled, ok := d.errors[e.Code]; ok {
		spelled.Member = e.Member
		e = &wire.Error{ErrorCode: spelled, Message: cmp.Or(texts[spelled.Code], e.Message), Fields: e.Fields}
	}
	head := c.w.Header()
	head.Set("x-amzn-RequestId", c.req.ID)
	if d == rest {
		head.Set("x-amz-request-id", c.req.ID)
		restxml.EncodeError(c.w, c.r, e, c.req.ID)
		return
	}
	c.refuse(d, e)
}

func (c *call) refuse(d *dialect, e *wire.Error) {
	head := c.w.Header()
	head.Set("Content-Type", d.contentType)
	namespace := ""
	if c.service != nil {
		namespace = c.service.XMLNamespace
	}
	if !d.form {
		head.Set("x-amzn-ErrorType", e.Code)
	}
	if d == rpcV2 {
		head.Set("smithy-protocol", "rpc-v2-cbor")
	}
	if !d.form && c.service != nil && slices.Contains(c.service.Protocols, wire.Query) {
		head.Set("x-amzn-query-error", e.Code+";"+sender(e))
	}
	body := d.encodeError(e, namespace, c.req.ID)
	head.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(e.HTTPStatus())
	_, _ = c.w.Write(body) // the caller is gone if this fails
}

func sender(e *wire.Error) string {
	if e.HTTPStatus() >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

func jsonError(e *wire.Error) []byte {
	b := awsjson.AppendString([]byte(`{"__type":`), e.Code)
	b = awsjson.AppendString(append(b, ','), messageMember(e))
	b = awsjson.AppendString(append(b, ':'), e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		b = awsjson.AppendString(append(b, ','), name)
		if raw, ok := e.Fields[name].(json.RawMessage); ok {
			b = append(append(b, ':'), raw...)
			continue
		}
		b = awsjson.AppendString(append(b, ':'), fmt.Sprint(e.Fields[name]))
	}
	return append(b, '}')
}
