package main

import (
	"context"
	"io"
	"maps"
	"sync"
	"time"

	"drey/iam"
	s3model "drey/model/s3"
	"drey/s3"
	"drey/wire"
)

// roleRights lets the server act with the rights of an application's execution role, and with no others.
type roleRights struct {
	iam *iam.Service

	mu    sync.Mutex
	roles map[roleKey]rolePrincipal
}

type roleKey struct{ account, role, application string }

type rolePrincipal struct {
	principal wire.Principal
	until     time.Time
}

// principalLife is how long an assumed principal is used again. What it may do is decided anew each time.
const principalLife = 5 * time.Minute

// as gives a context in which the caller is the role.
func (r *roleRights) as(ctx context.Context, k roleKey, region string) (context.Context, error) {
	p, err := r.principal(ctx, k)
	if err != nil {
		return nil, err
	}
	return wire.WithRequest(ctx, &wire.Request{
		ID: k.application, Principal: p, Account: k.account, Region: region, Time: time.Now(), UserAgent: iam.AnalyticsService, Secure: true,
	}), nil
}

func (r *roleRights) principal(ctx context.Context, k roleKey) (wire.Principal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.roles[k]; ok && time.Now().Before(p.until) {
		return p.principal, nil
	}
	session, err := r.iam.AssumeServiceRole(ctx, k.account, k.role, iam.AnalyticsService, k.application)
	if err != nil {
		return wire.Principal{}, err
	}
	_, p, err := r.iam.Credentials(ctx, session.AccessKeyID, session.SessionToken)
	if err != nil {
		return wire.Principal{}, err
	}
	if r.roles == nil {
		r.roles = map[roleKey]rolePrincipal{}
	}
	maps.DeleteFunc(r.roles, func(_ roleKey, p rolePrincipal) bool { return time.Now().After(p.until) })
	r.roles[k] = rolePrincipal{p, time.Now().Add(principalLife)}
	return p, nil
}

// codeReader reads application code from S3 as the execution role of the application.
type codeReader struct {
	rights *roleRights
	s3     *s3.Service
}

// OpenCode decides the read like any other request of the role.
func (c codeReader) OpenCode(ctx context.Context, account, role, applicationARN, bucket, key, version string) (io.ReadCloser, error) {
	ctx, err := c.rights.as(ctx, roleKey{account, role, applicationARN}, wire.FromContext(ctx).Region)
	if err != nil {
		return nil, err
	}
	in := &s3model.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	access, err := c.s3.Access(ctx, "GetObject", in)
	if err != nil {
		return nil, err
	}
	if err := c.rights.iam.Authorize(ctx, access); err != nil {
		return nil, err
	}
	body, _, err := c.s3.OpenObject(ctx, bucket, key, in.VersionId)
	return body, err
}
