package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"drey/edge"
	"drey/edge/edgetest"
	"drey/iam"
	"drey/kinesis"
	iammodel "drey/model/iam"
	kinesismodel "drey/model/kinesis"
	"drey/store/sql"
	"drey/wire"
)

const stranger = "111122223333"

// guardedStreams is Kinesis behind the edge and the decisions of IAM.
type guardedStreams struct {
	t   *testing.T
	iam *iam.Service
	url string
}

func serveGuardedStreams(t *testing.T) guardedStreams {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	db, err := sql.Open(filepath.Join(dir, "db"))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	i, err := iam.Open(t.Context(), iam.Config{DB: db, Dir: dir, Log: log, Mode: iam.Enforce})
	must(t, err)
	t.Cleanup(func() { must(t, i.Close()) })
	k, err := kinesis.Open(t.Context(), kinesis.Config{DB: db, Dir: filepath.Join(dir, "kinesis"), Log: log, ValidatePolicy: iam.ValidateResourcePolicy})
	must(t, err)
	t.Cleanup(func() { must(t, k.Close()) })
	return guardedStreams{t, i, edgetest.ServeWith(t, edge.Config{
		Services:    []*wire.Service{wire.NewService(kinesismodel.Model, k.Ops(), k.Access)},
		Credentials: i.Credentials, Authorize: i.Authorize,
	})}
}

func (g guardedStreams) client(key, secret string) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: home, BaseEndpoint: &g.url, HTTPClient: edgetest.Client{Client: http.DefaultClient}, Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
}

// user is a new user who may do what the actions say, on any resource; "" allows nothing.
func (g guardedStreams) user(account, name, actions string) *sdk.Client {
	g.t.Helper()
	ctx := wire.WithRequest(g.t.Context(), &wire.Request{Account: account, Region: home})
	_, err := g.iam.CreateUser(ctx, &iammodel.CreateUserInput{UserName: &name})
	must(g.t, err)
	if actions != "" {
		document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + actions + `","Resource":"*"}}`
		_, err = g.iam.PutUserPolicy(ctx, &iammodel.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: &document})
		must(g.t, err)
	}
	made, err := g.iam.CreateAccessKey(ctx, &iammodel.CreateAccessKeyInput{UserName: &name})
	must(g.t, err)
	return g.client(*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey)
}

// sharing is a stream with a consumer, both ACTIVE, whose policies their owner sets.
type sharing struct {
	guardedStreams
	boss             *sdk.Client
	stream, consumer *string // ARNs
}

func newSharing(t *testing.T) sharing {
	t.Helper()
	g := serveGuardedStreams(t)
	root, err := g.iam.RootCredentials(t.Context(), owner)
	must(t, err)
	boss := g.client(root.AccessKeyID, root.SecretAccessKey)
	_, err = boss.CreateStream(t.Context(), &sdk.CreateStreamInput{StreamName: new("orders"), ShardCount: new(int32(1))})
	must(t, err)
	soon := func(o *sdk.StreamExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond }
	out, err := sdk.NewStreamExistsWaiter(boss, soon).WaitForOutput(t.Context(), &sdk.DescribeStreamInput{StreamName: new("orders")}, time.Minute)
	must(t, err)
	stream := out.StreamDescription.StreamARN
	made, err := boss.RegisterStreamConsumer(t.Context(), &sdk.RegisterStreamConsumerInput{StreamARN: stream, ConsumerName: new("reader")})
	must(t, err)
	for status := made.Consumer.ConsumerStatus; status != types.ConsumerStatusActive; {
		out, err := boss.DescribeStreamConsumer(t.Context(), &sdk.DescribeStreamConsumerInput{ConsumerARN: made.Consumer.ConsumerARN})
		must(t, err)
		status = out.ConsumerDescription.ConsumerStatus
	}
	return sharing{g, boss, stream, made.Consumer.ConsumerARN}
}

func statement(effect, account, user, action string, arn *string) string {
	return fmt.Sprintf(`{"Effect":%q,"Principal":{"AWS":"arn:aws:iam::%s:user/%s"},"Action":%q,"Resource":%q}`, effect, account, user, action, *arn)
}

func (s sharing) attach(arn *string, statements ...string) {
	s.t.Helper()
	document := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	_, err := s.boss.PutResourcePolicy(s.t.Context(), &sdk.PutResourcePolicyInput{ResourceARN: arn, Policy: &document})
	must(s.t, err)
}

func (s sharing) detach(arn *string) {
	s.t.Helper()
	_, err := s.boss.DeleteResourcePolicy(s.t.Context(), &sdk.DeleteResourcePolicyInput{ResourceARN: arn})
	must(s.t, err)
}

func (s sharing) put(c *sdk.Client) error {
	_, err := c.PutRecord(s.t.Context(), &sdk.PutRecordInput{StreamARN: s.stream, PartitionKey: new("k"), Data: []byte("x")})
	return err
}

func (s sharing) describe(c *sdk.Client) error {
	_, err := c.DescribeStreamConsumer(s.t.Context(), &sdk.DescribeStreamConsumerInput{ConsumerARN: s.consumer})
	return err
}

// subscribe asks whether a subscription would succeed.
func (s sharing) subscribe(c *sdk.Client) error {
	_, err := c.SubscribeToShard(s.t.Context(), &sdk.SubscribeToShardInput{
		ConsumerARN: s.consumer, ShardId: new("shardId-000000000000"), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest}, DryRun: new(true),
	})
	var would *types.DryRunOperationException
	if errors.As(err, &would) {
		return nil
	}
	return cmp.Or(err, errors.New("a dry run subscribed"))
}

func (s sharing) allowed(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Errorf("%s: %v", what, err)
	}
}

func (s sharing) denied(what string, err error, reason string) {
	s.t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != "AccessDeniedException" || !strings.Contains(e.ErrorMessage(), reason) {
		s.t.Errorf("%s: got %v, expected AccessDeniedException: …%s…", what, err, reason)
	}
}

// Why a request is denied.
const (
	nothingAllows  = "no identity-based policy allows"
	ownerIsSilent  = "no resource-based policy allows"
	policyDeniesIt = "explicit deny in a resource-based policy"
)

// TestPolicyOfAStream: the stream's policy decides with those of the caller ("Share access using resource-based policies" in
// the developer guide). From another account both must allow.
func TestPolicyOfAStream(t *testing.T) {
	s := newSharing(t)
	ann, bob := s.user(owner, "ann", ""), s.user(owner, "bob", "kinesis:*")
	carol, dave := s.user(stranger, "carol", "kinesis:*"), s.user(stranger, "dave", "")
	s.denied("ann without any policy", s.put(ann), nothingAllows)
	s.allowed("bob by his own policy", s.put(bob))
	s.denied("carol by her own policy alone", s.put(carol), ownerIsSilent)
	const put = "kinesis:PutRecord"
	s.attach(s.stream, statement("Allow", owner, "ann", put, s.stream), statement("Deny", owner, "bob", put, s.stream),
		statement("Allow", stranger, "carol", put, s.stream), statement("Allow", stranger, "dave", put, s.stream))
	s.allowed("ann by the stream's policy", s.put(ann))
	s.denied("bob against the stream's policy", s.put(bob), policyDeniesIt)
	s.allowed("carol by both policies", s.put(carol))
	s.denied("dave by the stream's policy alone", s.put(dave), nothingAllows)
	s.detach(s.stream)
	s.denied("ann when the stream's policy is gone", s.put(ann), nothingAllows)
	s.allowed("bob when the stream's policy is gone", s.put(bob))
}

// TestPolicyOfAConsumer: a consumer has a policy of its own, and that of its stream does not speak of it.
func TestPolicyOfAConsumer(t *testing.T) {
	s := newSharing(t)
	ann, bob, carol := s.user(owner, "ann", ""), s.user(owner, "bob", "kinesis:*"), s.user(stranger, "carol", "kinesis:*")
	const describe, subscribe = "kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"
	s.attach(s.stream, statement("Allow", owner, "ann", "kinesis:*", s.stream))
	s.denied("ann describes by the stream's policy", s.describe(ann), nothingAllows)
	s.allowed("bob subscribes by his own policy", s.subscribe(bob))
	s.denied("carol subscribes by her own policy alone", s.subscribe(carol), ownerIsSilent)
	s.attach(s.consumer, statement("Allow", owner, "ann", describe, s.consumer), statement("Deny", owner, "bob", subscribe, s.consumer),
		statement("Allow", stranger, "carol", subscribe, s.consumer))
	s.allowed("ann describes by the consumer's policy", s.describe(ann))
	s.denied("ann subscribes, which it does not allow", s.subscribe(ann), nothingAllows)
	s.denied("bob subscribes against it", s.subscribe(bob), policyDeniesIt)
	s.allowed("carol subscribes by both policies", s.subscribe(carol))
	s.detach(s.consumer)
	s.denied("ann describes when it is gone", s.describe(ann), nothingAllows)
	s.allowed("bob subscribes when it is gone", s.subscribe(bob))
	s.denied("carol subscribes when it is gone", s.subscribe(carol), ownerIsSilent)
}
