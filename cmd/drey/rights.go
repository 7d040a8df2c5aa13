package main

import (
	"context"
	"io"
	"maps"
	"strings"
	"sync"
	"time"

	"drey/iam"
	s3model "drey/model/s3"
	"drey/s3"
	"drey/wire"
)

// roleRights lets the server act with the rights of a role that a service may assume, and with no others.
type roleRights struct {
	iam      *iam.Service
	services []string // principals of which the role's trust policy names one, * is the region; nil: that of applications

	mu    sync.Mutex
	roles map[roleKey]rolePrincipal
}

type roleKey struct{ account, role, application string } // application: the ARN of whatever acts

type rolePrincipal struct {
	principal wire.Principal
	until     time.Time
}

// principalLife is how long an assumed principal is used again. What it may do is decided anew each time.
const principalLife = 5 * time.Minute

// as gives a context in which the caller is the role.
func (r *roleRights) as(ctx context.Context, k roleKey, region string) (context.Context, error) {
	p, err := r.principal(ctx, k, region)
	if err != nil {
		return nil, err
	}
	return wire.WithRequest(ctx, &wire.Request{
		ID: k.application, Principal: p, Account: k.account, Region: region, Time: time.Now(), UserAgent: r.principals()[0], Secure: true,
	}), nil
}

func (r *roleRights) principal(ctx context.Context, k roleKey, region string) (wire.Principal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.roles[k]; ok && time.Now().Before(p.until) {
		return p.principal, nil
	}
	session, err := r.assume(ctx, k, region)
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

func (r *roleRights) principals() []string {
	if r.services == nil {
		return []string{iam.AnalyticsService}
	}
	return r.services
}

// assume tries the service's principals; the error is that of the first.
func (r *roleRights) assume(ctx context.Context, k roleKey, region string) (session *iam.Session, err error) {
	for i, service := range r.principals() {
		s, e := r.iam.AssumeServiceRole(ctx, k.account, k.role, strings.ReplaceAll(service, "*", region), k.application)
		if e == nil {
			return s, nil
		}
		if i == 0 {
			err = e
		}
	}
	return nil, err
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
