package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drey/kinesis"
	"drey/logs"
	iammodel "drey/model/iam"
	logsmodel "drey/model/logs"
	s3model "drey/model/s3"
	"drey/wire"
)

// newDestinations has what newTransfers has, Logs, and a role "carrier" with the given permissions.
func newDestinations(t *testing.T, actions string) channelDestinations {
	t.Helper()
	m := newTransfers(t, `"s3:PutObject"`)
	ctx := wire.WithRequest(t.Context(), &wire.Request{Account: owner, Region: home})
	_, err := m.rights.iam.CreateRole(ctx, &iammodel.CreateRoleInput{RoleName: new("carrier"), AssumeRolePolicyDocument: new( // "IAM permissions for data delivery"
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"kinesis.amazonaws.com"},"Action":"sts:AssumeRole",` +
			`"Condition":{"StringEquals":{"aws:SourceAccount":"` + owner + `"},"ArnLike":{"aws:SourceArn":"arn:aws:kinesis:us-east-1:` + owner + `:channel/*"}}}]}`)})
	must(t, err)
	_, err = m.rights.iam.PutRolePolicy(ctx, &iammodel.PutRolePolicyInput{RoleName: new("carrier"), PolicyName: new("p"), PolicyDocument: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + actions + `],"Resource":"*"}]}`)})
	must(t, err)
	l, err := logs.Open(t.Context(), logs.Config{DB: m.s3.DB, Dir: filepath.Join(t.TempDir(), "logs"), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return channelDestinations{
		rights: &roleRights{iam: m.rights.iam, services: []string{kinesis.ServicePrincipal}}, s3: m.s3,
		logs: func(context.Context) (*logs.Service, error) { return l, nil },
	}
}

func carrying() kinesis.Carrier {
	return kinesis.Carrier{Account: owner, Region: home, Role: "arn:aws:iam::" + owner + ":role/carrier", ARN: "arn:aws:kinesis:us-east-1:" + owner + ":channel/c"}
}

func toBucket(name string) kinesis.Object {
	return kinesis.Object{Bucket: name, Owner: owner, Key: "k", StorageClass: "GLACIER_IR"}
}

func TestChannelWritesAndLogs(t *testing.T) {
	d := newDestinations(t, `"s3:PutObject","logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"`)
	must(t, d.Check(t.Context(), carrying(), toBucket("here")))
	for _, text := range []string{"one", "two"} {
		must(t, d.Put(t.Context(), carrying(), toBucket("here"), []byte(text)))
		must(t, d.Log(t.Context(), carrying(), "g", "s", time.Now(), text))
	}
	body, info, err := d.s3.OpenObject(t.Context(), "here", "k", nil)
	must(t, err)
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || string(got) != "two" {
		t.Errorf("got %q, %v, %+v", got, err, info)
	}
	head, err := d.s3.HeadObject(t.Context(), &s3model.HeadObjectInput{Bucket: new("here"), Key: new("k")})
	must(t, err)
	if head.StorageClass != s3model.StorageClassGLACIER_IR {
		t.Errorf("the class is %q", head.StorageClass)
	}
	l, err := d.logs(t.Context())
	must(t, err)
	ctx := wire.WithRequest(t.Context(), &wire.Request{Account: owner, Region: home})
	out, err := l.GetLogEvents(ctx, &logsmodel.GetLogEventsInput{LogGroupName: new("g"), LogStreamName: new("s"), StartFromHead: new(true)})
	must(t, err)
	if len(out.Events) != 2 || *out.Events[0].Message != "one" {
		t.Errorf("%+v", out.Events)
	}
}

// TestChannelHasTheRightsOfItsRoleAlone goes through what a channel may not do, and where its objects may not go.
func TestChannelHasTheRightsOfItsRoleAlone(t *testing.T) {
	writer := newDestinations(t, `"s3:PutObject"`)
	logger := newDestinations(t, `"logs:PutLogEvents"`)
	put := func(d channelDestinations, c kinesis.Carrier, o kinesis.Object) error {
		err := d.Put(t.Context(), c, o, []byte("x"))
		if checked := d.Check(t.Context(), c, o); checked == nil || checked.Error() != err.Error() {
			t.Errorf("the check says %v, the put %v", checked, err)
		}
		return err
	}
	log := func(d channelDestinations) error {
		return d.Log(t.Context(), carrying(), "g", "s", time.Now(), "x")
	}
	nobody, application, mover, stranger := carrying(), carrying(), carrying(), toBucket("here")
	nobody.Role += "s"
	application.ARN = "arn:aws:kinesis:us-east-1:" + owner + ":queue/c"
	mover.Role = "arn:aws:iam::" + owner + ":role/mover"
	stranger.Owner = "111122223333"
	for what, c := range map[string]struct {
		err  error
		code string
		says string
	}{
		"write as logger":         {put(logger, carrying(), toBucket("here")), "AccessDenied", "s3:PutObject"},
		"log as writer":           {log(writer), "AccessDenied", "logs:PutLogEvents"},
		"make groups as logger":   {log(logger), "AccessDenied", "logs:CreateLogGroup"},
		"no role":                 {put(writer, nobody, toBucket("here")), "", "carriers"},
		"for what is no channel":  {put(writer, application, toBucket("here")), "AccessDenied", "sts:AssumeRole"},
		"another service's role":  {put(writer, mover, toBucket("here")), "AccessDenied", "sts:AssumeRole"},
		"another Region's bucket": {put(writer, carrying(), toBucket("there")), "InvalidBucket", "eu-west-1"},
		"another owner's bucket":  {put(writer, carrying(), stranger), "InvalidBucket", "not owned by the account 111122223333"},
		"no bucket":               {put(writer, carrying(), toBucket("nowhere")), "NoSuchBucket", ""},
	} {
		var e *wire.Error
		if !errors.As(c.err, &e) || c.code != "" && e.Code != c.code && e.Code != c.code+"Exception" || !strings.Contains(e.Message, c.says) {
			t.Errorf("%s: got %v, expected %s: …%s…", what, c.err, c.code, c.says)
		}
	}
}

// TestChannelCrossesAccounts: a bucket of another account takes objects if its policy lets the role write.
func TestChannelCrossesAccounts(t *testing.T) {
	d := newDestinations(t, `"s3:PutObject"`)
	other := wire.WithRequest(t.Context(), &wire.Request{Account: "111122223333", Region: home})
	_, err := d.s3.CreateBucket(other, &s3model.CreateBucketInput{Bucket: new("abroad")})
	must(t, err)
	abroad := toBucket("abroad")
	abroad.Owner = "111122223333"
	var e *wire.Error
	if err := d.Put(t.Context(), carrying(), abroad, nil); !errors.As(err, &e) || e.Code != "AccessDenied" {
		t.Fatal(err)
	}
	_, err = d.s3.PutBucketPolicy(other, &s3model.PutBucketPolicyInput{Bucket: new("abroad"), Policy: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + carrying().Role + `"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::abroad/*"}]}`)})
	must(t, err)
	must(t, d.Put(t.Context(), carrying(), abroad, []byte("x")))
}
