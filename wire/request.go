package wire

import (
	"context"
	"time"
)

// Principal is who signed a request. The zero value is an anonymous caller (S3 allows those by bucket policy).
type Principal struct {
	Account     string
	ARN         string // arn:aws:iam::<account>:user/<name>, arn:aws:sts::<account>:assumed-role/<role>/<session>, arn:aws:iam::<account>:root
	UserID      string // AIDA…, AROA…:<session>, or the account id for root
	AccessKeyID string
	Session     *Session // nil for long-term keys
}

// Session is what temporary credentials add.
type Session struct {
	RoleARN     string
	RoleID      string
	SessionName string
	Policy      string // inline session policy, "" = none
	Issued      time.Time
	Expires     time.Time
	Tags        map[string]string
}

// Request is what an operation may know of the request that called it.
type Request struct {
	ID         string
	Service    string // "kinesis"
	Op         string // "PutRecord"
	Principal  Principal
	Account    string // whose data: the caller's account
	Region     string // whose data: from the signature's scope
	Time       time.Time
	SourceIP   string
	UserAgent  string
	Secure     bool // came over TLS
	Host       string
	Presigned  bool
	SignedBody bool
}

type requestKey struct{}

// WithRequest attaches r to ctx.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// FromContext gives the request of ctx. Inside an operation it is never nil.
func FromContext(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}
