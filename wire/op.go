package wire

import (
	"context"
	"fmt"
)

// Op is one operation of a service: how its input looks and what it does.
type Op struct {
	Name   string
	Method string // HTTP method and URI of REST operations, e.g. "PUT" "/{Bucket}/{Key+}?x-id=PutObject"
	URI    string
	Status int // HTTP status of success; 0 means 200

	NewInput func() any
	Call     func(ctx context.Context, in any) (any, error)
}

// NewOp makes an Op of a typed method; generated tables call it.
func NewOp[I, O any](name, method, uri string, status int, call func(context.Context, *I) (*O, error)) Op {
	return Op{
		Name: name, Method: method, URI: uri, Status: status,
		NewInput: func() any { return new(I) },
		Call: func(ctx context.Context, in any) (any, error) {
			out, err := call(ctx, in.(*I))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}

// Access is one permission that a request needs.
type Access struct {
	Action          string              // "kinesis:PutRecord", as the Service Authorization Reference spells it
	Resource        string              // ARN, or "*" for actions without resource
	Conditions      map[string][]string // service-specific condition keys, e.g. "s3:prefix"
	ResourcePolicy  string              // JSON policy attached to the resource; "" = none
	ResourceAccount string              // owner of the resource; "" = the caller's account
}

// Authorizer decides a request. It answers nil, or an *Error that names principal, action, resource and the
// statement that would allow it.
type Authorizer func(ctx context.Context, access []Access) error

// Credentials finds the secret behind an access key. Unknown, inactive or expired keys are *Errors.
type Credentials func(ctx context.Context, accessKeyID, sessionToken string) (secret string, p Principal, err error)

// EventStream writes the events of a streaming answer, each a pointer to the event union of the operation, until
// the stream ends (nil), breaks (error), or the caller leaves (ctx). send waits as long as the caller does not read, until
// its own context ends: then the caller is cut off, and send fails.
type EventStream func(ctx context.Context, send func(ctx context.Context, event any) error) error

// Protocol is a wire format of the AWS service models.
type Protocol string

// The protocols of the services served here.
const (
	JSON10  Protocol = "json 1.0"
	JSON11  Protocol = "json 1.1"
	CBOR11  Protocol = "cbor 1.1"
	RPCv2   Protocol = "rpc-v2-cbor"
	Query   Protocol = "query"
	RESTXML Protocol = "rest-xml"
)

// Model is the part of a service that is generated from AWS's description of it.
type Model struct {
	Name           string // package name: "kinesis"
	ServiceID      string // "Kinesis"
	SigningName    string // "kinesis"; the signature's scope names the service by it
	EndpointName   string // first label of the host name: "kinesis" of kinesis.us-east-1.amazonaws.com
	TargetPrefix   string // "Kinesis_20131202" of X-Amz-Target
	APIVersion     string // Version parameter of the Query protocol
	XMLNamespace   string
	Protocols      []Protocol
	Unserved       []string  // operations of AWS's model that are not served yet
	UnservedRoutes []Route   // the same, where operations are known by method and path
	Validation     ErrorCode // code of a constraint violation
	MaxBody        int64     // of the largest legal request; S3's bodies have no limit here
}

// Route is how a REST operation is called.
type Route struct{ Name, Method, URI string }

// Service is a service as the edge serves it.
type Service struct {
	Model
	Ops    []Op
	Access func(ctx context.Context, op string, in any) ([]Access, error)

	byName map[string]*Op
}

// NewService checks the table once, so that a mistake shows at start and not in a request.
func NewService(m Model, ops []Op, access func(context.Context, string, any) ([]Access, error)) *Service {
	s := &Service{Model: m, Ops: ops, Access: access, byName: make(map[string]*Op, len(ops))}
	for i := range ops {
		if s.byName[ops[i].Name] != nil {
			panic(fmt.Sprintf("wire: operation %s of %s is registered twice", ops[i].Name, m.Name))
		}
		s.byName[ops[i].Name] = &ops[i]
	}
	return s
}

// Op finds an operation by its name; nil if it is not served.
func (s *Service) Op(name string) *Op { return s.byName[name] }
