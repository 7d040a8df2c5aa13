package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drey/iam"
	iammodel "drey/model/iam"
	s3model "drey/model/s3"
	"drey/reconcile"
	"drey/s3"
	"drey/store/sql"
	"drey/wire"
)

const (
	owner = "123456789012"
	home  = "us-east-1"
)

// newTransfers has the buckets "here" and "there", the second one in another Region, and a role with the given permissions.
func newTransfers(t *testing.T, actions string) transfers {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	db, err := sql.Open(filepath.Join(dir, "db"))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	i, err := iam.Open(t.Context(), iam.Config{DB: db, Dir: dir, Log: log, Now: time.Now, Mode: iam.Enforce, Denied: func(context.Context, iam.Denial) {}})
	must(t, err)
	buckets, err := s3.Open(t.Context(), s3.Config{DB: db, Dir: filepath.Join(dir, "s3"), Log: log, Now: time.Now, ValidatePolicy: iam.ValidateResourcePolicy})
	must(t, err)
	ctx := wire.WithRequest(t.Context(), &wire.Request{Account: owner, Region: home})
	_, err = i.CreateRole(ctx, &iammodel.CreateRoleInput{RoleName: new("mover"), AssumeRolePolicyDocument: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"kinesisanalytics.amazonaws.com"},"Action":"sts:AssumeRole",` +
			`"Condition":{"StringEquals":{"aws:SourceAccount":"` + owner + `"},"ArnEquals":{"aws:SourceArn":"arn:aws:kinesisanalytics:us-east-1:` + owner + `:snapshot/mine"}}}]}`)})
	must(t, err)
	_, err = i.PutRolePolicy(ctx, &iammodel.PutRolePolicyInput{RoleName: new("mover"), PolicyName: new("p"), PolicyDocument: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + actions + `],"Resource":"*"}]}`)})
	must(t, err)
	_, err = buckets.CreateBucket(ctx, &s3model.CreateBucketInput{Bucket: new("here")})
	must(t, err)
	_, err = buckets.CreateBucket(ctx, &s3model.CreateBucketInput{Bucket: new("there"), CreateBucketConfiguration: &s3model.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}})
	must(t, err)
	return transfers{&roleRights{iam: i}, buckets, 5 << 20}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func moving(bucket string) reconcile.Transfer {
	return reconcile.Transfer{Account: owner, Region: home, Role: "arn:aws:iam::" + owner + ":role/mover", SnapshotARN: "arn:aws:kinesisanalytics:us-east-1:" + owner + ":snapshot/mine", Bucket: bucket}
}

// TestTransferRoundTrip writes objects, one of them in parts, and reads them back.
func TestTransferRoundTrip(t *testing.T) {
	m := newTransfers(t, `"s3:PutObject","s3:GetObject","s3:ListBucket"`)
	bodies := map[string][]byte{"out/a": []byte("small"), "out/b": bytes.Repeat([]byte("0123456789abcdef"), (11<<20)/16), "out/empty": {}}
	for key, body := range bodies {
		must(t, m.Write(t.Context(), moving("here"), key, bytes.NewReader(body), int64(len(body))))
	}
	list, err := m.List(t.Context(), moving("here"), "out/")
	must(t, err)
	if want := []reconcile.Object{{Key: "out/a", Size: 5}, {Key: "out/b", Size: 11 << 20}, {Key: "out/empty"}}; !slices.Equal(list, want) {
		t.Errorf("listed %v, expected %v", list, want)
	}
	for key, body := range bodies {
		r, err := m.Read(t.Context(), moving("here"), key)
		must(t, err)
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes, expected %d, %v", key, len(got), len(body), err)
		}
	}
	h, err := m.s3.HeadObject(t.Context(), &s3model.HeadObjectInput{Bucket: new("here"), Key: new("out/b")})
	must(t, err)
	if !strings.HasSuffix(*h.ETag, `-3"`) {
		t.Errorf("the large object was not written in three parts: %s", *h.ETag)
	}
}

// TestTransferHasTheRightsOfItsRoleAlone goes through what a role may not do, and roles that are not to be had.
func TestTransferHasTheRightsOfItsRoleAlone(t *testing.T) {
	reader := newTransfers(t, `"s3:GetObject","s3:ListBucket"`)
	writer := newTransfers(t, `"s3:PutObject"`)
	write := func(m transfers, to reconcile.Transfer) error {
		return m.Write(t.Context(), to, "k", strings.NewReader("x"), 1)
	}
	list := func(m transfers, from reconcile.Transfer) error { _, err := m.List(t.Context(), from, ""); return err }
	read := func(m transfers, from reconcile.Transfer) error { _, err := m.Read(t.Context(), from, "k"); return err }
	nobody, other, foreign := moving("here"), moving("here"), moving("here")
	nobody.Role += "s"
	other.SnapshotARN += "-2"
	foreign.Account, foreign.Role = "111122223333", "arn:aws:iam::111122223333:role/mover"
	for what, c := range map[string]struct {
		err  error
		code string
		says string
	}{
		"write as reader":         {write(reader, moving("here")), "AccessDenied", "s3:PutObject"},
		"list as writer":          {list(writer, moving("here")), "AccessDenied", "s3:ListBucket"},
		"read as writer":          {read(writer, moving("here")), "AccessDenied", "s3:GetObject"},
		"no role":                 {write(writer, nobody), "", "movers"},
		"for another snapshot":    {write(writer, other), "AccessDenied", "sts:AssumeRole"},
		"another account's role":  {write(writer, foreign), "", "111122223333"},
		"another Region's bucket": {write(writer, moving("there")), "InvalidBucket", "us-east-1"},
		"no bucket":               {write(writer, moving("nowhere")), "NoSuchBucket", ""},
		"no object":               {read(reader, moving("here")), "NoSuchKey", ""},
	} {
		var e *wire.Error
		if !errors.As(c.err, &e) || c.code != "" && e.Code != c.code || !strings.Contains(e.Message, c.says) {
			t.Errorf("%s: got %v, expected %s: …%s…", what, c.err, c.code, c.says)
		}
	}
}
