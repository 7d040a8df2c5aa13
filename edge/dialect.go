package edge

import (
	"net/url"

	"drey/wire"
	"drey/wire/awsjson"
	"drey/wire/awsquery"
	"drey/wire/cbor"
)

// dialect is how one protocol reads, answers and refuses.
type dialect struct {
	contentType string
	form        bool
	errors      family
	decode      func(body []byte, form url.Values, in any) error
	encode      func(out any, op, namespace, requestID string) []byte
	encodeError func(e *wire.Error, namespace, requestID string) []byte
	unknown     func(s *wire.Service, op string) error
}

var (
	json10 = jsonDialect("application/x-amz-json-1.0")
	json11 = jsonDialect("application/x-amz-json-1.1")
	cbor11 = cborDialect("application/x-amz-cbor-1.1", cbor.Millis)
	rpcV2  = cborDialect("application/cbor", cbor.Seconds)
	query  = &dialect{
		contentType: "text/xml", form: true, errors: queryErrors,
		decode:      func(_ []byte, form url.Values, in any) error { return awsquery.Decode(form, in) },
		encode:      awsquery.Encode,
		encodeError: awsquery.EncodeError,
		unknown: func(s *wire.Service, op string) error {
			return wire.ErrorCode{Code: "InvalidAction", Status: 400}.Errorf("Could not find operation %s for version %s%s", op, s.APIVersion, notYet(s, op))
		},
	}
	rest = &dialect{contentType: "application/xml", errors: s3Errors}
)

// dialects are the protocols that the Content-Type names.
var dialects = map[string]*dialect{
	json10.contentType: json10, json11.contentType: json11, cbor11.contentType: cbor11,
}

func jsonDialect(contentType string) *dialect {
	return &dialect{
		contentType: contentType, errors: jsonErrors,
		decode:      func(body []byte, _ url.Values, in any) error { return awsjson.Decode(body, in) },
		encode:      func(out any, _, _, _ string) []byte { return awsjson.Encode(out) },
		encodeError: func(e *wire.Error, _, _ string) []byte { return jsonError(e) },
		unknown:     unknownOperation,
	}
}

func cborDialect(contentType string, times cbor.Times) *dialect {
	return &dialect{
		contentType: contentType, errors: jsonErrors,
		decode: func(body []byte, _ url.Values, in any) error { return cbor.Decode(body, in, times) },
		encode: func(out any, _, _, _ string) []byte { return cbor.Encode(out, times) },
		encodeError: func(e *wire.Error, _, _ string) []byte {
			return cbor.EncodeStrings("__type", e.Code, messageMember(e), e.Message)
		},
		unknown: unknownOperation,
	}
}

func unknownOperation(s *wire.Service, op string) error {
	return wire.UnknownOperation.Errorf("The operation %s is unknown to %s%s", op, s.ServiceID, notYet(s, op))
}

// notYet tells apart what AWS does not know and what is only not served here.
func notYet(s *wire.Service, op string) string {
	for _, u := range s.Unserved {
		if u == op {
			return " on this server: AWS has it, Drey does not serve it yet (docs/unserved-operations.md)"
		}
	}
	return ""
}

func messageMember(e *wire.Error) string {
	if e.Member != "" {
		return e.Member
	}
	return "message"
}
