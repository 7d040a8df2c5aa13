package kinesis

import (
	"slices"
	"time"

	model "drey/model/kinesis"
)

// Queues ("Consume records from a stream with queues" in the developer guide, and "CreateQueue" in the API reference).
const (
	defaultVisibility = 30 // seconds
	defaultReceives   = 6  // after which a record becomes a dead letter
	changingQueues    = 5  // in an account and region that are CREATING or DELETING
	inFlightLimit     = 120_000
	maxQueueRecords   = 10 // of a receive
	defaultQueueWait  = 9  // seconds
)

// queue delivers records of a stream to whoever asks, and again when they are not acknowledged. What it delivered is in a
// log of its own.
type queue struct {
	ID         string // the end of its ARN
	Name       string
	Created    time.Time
	Active     time.Time  // CREATING before
	Updated    time.Time  // UPDATING before
	Gone       *time.Time // DELETING before, nothing after
	Start      model.QueueStartingPositionType
	Asked      *time.Time // what the owner gave for AT_TIMESTAMP
	From       time.Time  // where delivery begins
	Visibility int32      // seconds
	Receives   int32      // after which a record becomes a dead letter; 0: never
	Tags       map[string]string
	Policy     string
}

func queueARN(account, region, id string) string {
	return "arn:aws:kinesis:" + region + ":" + account + ":queue/" + id
}

// arn names the queue of a stream: both belong to one account and region.
func (q *queue) arn(k key) string { return queueARN(k.Account, k.Region, q.ID) }

func (q *queue) gone(now time.Time) bool { return q.Gone != nil && !now.Before(*q.Gone) }

func (q *queue) status(now time.Time) model.QueueStatus {
	switch {
	case q.Gone != nil:
		return model.QueueStatusDELETING
	case now.Before(q.Active):
		return model.QueueStatusCREATING
	case now.Before(q.Updated):
		return model.QueueStatusUPDATING
	default:
		return model.QueueStatusACTIVE
	}
}

// queues are those that exist at now.
func (d *document) queues(now time.Time) []queue {
	return slices.DeleteFunc(slices.Clone(d.Queues), func(q queue) bool { return q.gone(now) })
}

// registered counts the consumers and queues, which share a limit.
func (d *document) registered(now time.Time) int { return len(d.consumers(now)) + len(d.queues(now)) }

// queue finds one by its id; nil if there is none.
func (d *document) queue(id string) *queue {
	i := slices.IndexFunc(d.Queues, func(q queue) bool { return q.ID == id })
	if i < 0 {
		return nil
	}
	return &d.Queues[i]
}

// since is the arrival time of the oldest records that the queue delivers.
func (q *queue) since(horizon time.Time) time.Time {
	if q.Start == model.QueueStartingPositionTypeAT_TIMESTAMP && q.From.After(horizon) {
		return q.From
	}
	return horizon
}

// configure sets the attributes that are given.
func (q *queue) configure(a *model.QueueAttributes) error {
	if a == nil {
		return nil
	}
	if a.VisibilityTimeoutSeconds != nil {
		q.Visibility = *a.VisibilityTimeoutSeconds
	}
	c := a.DeadLetterConfiguration
	switch {
	case c == nil:
	case c.TargetType == model.TargetTypeNONE && c.MaxReceiveCount != nil:
		return model.ValidationException.Errorf("MaxReceiveCount must not be specified when TargetType is NONE.")
	case c.TargetType == model.TargetTypeNONE:
		q.Receives = 0
	case c.MaxReceiveCount == nil:
		return model.ValidationException.Errorf("MaxReceiveCount must be specified when TargetType is BUILT_IN.")
	default:
		q.Receives = *c.MaxReceiveCount
	}
	return nil
}

// begin sets where delivery begins: LATEST unless something else is wanted.
func (q *queue) begin(p *model.QueueStartingPosition, d *document, now time.Time) error {
	q.Start, q.From = model.QueueStartingPositionTypeLATEST, now
	if p == nil {
		return nil
	}
	oldest := d.horizon(now)
	if oldest.Before(d.Created) {
		oldest = d.Created
	}
	q.Start = p.Type
	switch at := p.Type == model.QueueStartingPositionTypeAT_TIMESTAMP; {
	case at && p.Timestamp == nil:
		return model.ValidationException.Errorf("StartingPosition of type AT_TIMESTAMP must have a Timestamp.")
	case !at && p.Timestamp != nil:
		return model.ValidationException.Errorf("StartingPosition of type %s must not have a Timestamp.", p.Type)
	case at:
		q.Asked, q.From = p.Timestamp, *p.Timestamp
		if q.From.Before(oldest) {
			q.From = oldest
		}
	case p.Type == model.QueueStartingPositionTypeTRIM_HORIZON:
		q.From = oldest
	}
	return nil
}

func (q *queue) describe(k key, now time.Time) *model.QueueDescription {
	start := &model.QueueStartingPosition{Type: q.Start, Timestamp: &q.From}
	status := q.status(now)
	if status == model.QueueStatusCREATING {
		start.Timestamp = q.Asked
	}
	dead := &model.DeadLetterConfiguration{TargetType: model.TargetTypeNONE}
	if q.Receives > 0 {
		dead = &model.DeadLetterConfiguration{TargetType: model.TargetTypeBUILT_IN, MaxReceiveCount: &q.Receives}
	}
	return &model.QueueDescription{
		QueueName: &q.Name, QueueARN: new(q.arn(k)), QueueStatus: status, QueueCreationTimestamp: &q.Created,
		StreamConfigurationList: []model.QueueStreamConfiguration{{StreamARN: new(k.arn()), StartingPosition: start}},
		QueueAttributes:         &model.QueueAttributes{VisibilityTimeoutSeconds: &q.Visibility, DeadLetterConfiguration: dead},
	}
}
