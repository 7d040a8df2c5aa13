package cloudwatch

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"drey/cloudwatch/alarm"
	model "drey/model/cloudwatch"
	"drey/wire"
)

var migrations = []string{
	`CREATE TABLE cloudwatch_alarms (
		account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,
		PRIMARY KEY (account, region, name)) WITHOUT ROWID`,
	`CREATE TABLE cloudwatch_history (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		account TEXT NOT NULL, region TEXT NOT NULL, alarm TEXT NOT NULL, kind TEXT NOT NULL,
		at INTEGER NOT NULL, type TEXT NOT NULL, summary TEXT NOT NULL, data TEXT NOT NULL)`,
	`CREATE INDEX cloudwatch_history_at ON cloudwatch_history (account, region, at)`,
	`CREATE TABLE cloudwatch_actions (
		id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, document TEXT NOT NULL)`,
	`CREATE TABLE cloudwatch_dashboards (
		account TEXT NOT NULL, name TEXT NOT NULL, modified INTEGER NOT NULL, body TEXT NOT NULL,
		PRIMARY KEY (account, name)) WITHOUT ROWID`,
	`CREATE TABLE cloudwatch_dependencies (
		account TEXT NOT NULL, region TEXT NOT NULL, child TEXT NOT NULL, parent TEXT NOT NULL, rule INTEGER NOT NULL,
		PRIMARY KEY (account, region, child, parent)) WITHOUT ROWID`,
	`CREATE INDEX cloudwatch_dependencies_parent ON cloudwatch_dependencies (account, region, parent)`,
	// Without a child: completeDependencies knows what the alarm depends on.
	`INSERT INTO cloudwatch_dependencies SELECT account, region, '', name, 1 FROM cloudwatch_alarms WHERE json_type(document, '$.Composite') = 'object'`,
	`CREATE INDEX cloudwatch_alarms_metric ON cloudwatch_alarms (
		account, region, json_extract(document, '$.Metric.Namespace'), json_extract(document, '$.Metric.MetricName'))`,
	`CREATE INDEX cloudwatch_history_alarm ON cloudwatch_history (account, region, alarm, at)`,
}

// place is whose alarms, and where.
type place struct{ Account, Region string }

func placeOf(ctx context.Context) place {
	r := wire.FromContext(ctx)
	return place{r.Account, r.Region}
}

func (p place) alarmARN(name string) string {
	return "arn:aws:cloudwatch:" + p.Region + ":" + p.Account + ":alarm:" + name
}

// alarmName reads a name or the ARN of an alarm of this place; false = an alarm of another one.
func (p place) alarmName(nameOrARN string) (string, bool) {
	if !strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN, true
	}
	return strings.CutPrefix(nameOrARN, p.alarmARN(""))
}

// alarmDocument is all that is stored of an alarm. Just one of Metric and Composite is there: the request that made it.
type alarmDocument struct {
	place
	Name      string
	Metric    *model.PutMetricAlarmInput
	Composite *model.PutCompositeAlarmInput
	Tags      map[string]string
	Updated   time.Time // of the configuration
	Enabled   bool      // its actions

	State              alarm.State
	Reason, ReasonData string
	StateUpdated       time.Time
	Transitioned       time.Time

	Acted       alarm.State // of a composite alarm: the last state whose actions were performed
	Suppression alarm.Suppression
}

func (d *alarmDocument) arn() string { return d.alarmARN(d.Name) }

func (d *alarmDocument) kind() model.AlarmType {
	if d.Composite != nil {
		return model.AlarmTypeCompositeAlarm
	}
	return model.AlarmTypeMetricAlarm
}

// actions are those of a state.
func (d *alarmDocument) actions(s alarm.State) []string {
	ok, bad, unknown := d.allActions()
	return map[alarm.State][]string{alarm.OK: ok, alarm.Alarm: bad, alarm.InsufficientData: unknown}[s]
}

func (d *alarmDocument) allActions() (ok, alarm, insufficient []string) {
	if c := d.Composite; c != nil {
		return c.OKActions, c.AlarmActions, c.InsufficientDataActions
	}
	return d.Metric.OKActions, d.Metric.AlarmActions, d.Metric.InsufficientDataActions
}

// pending tells whether a composite alarm is in a state whose actions were not performed yet.
func (d *alarmDocument) pending() bool { return d.Acted != d.State }

// suppressor is the name of the alarm that suppresses the actions; "" = none.
func (d *alarmDocument) suppressor() string {
	if d.Composite == nil || d.Composite.ActionsSuppressor == nil {
		return ""
	}
	name, _ := d.alarmName(*d.Composite.ActionsSuppressor)
	return name
}

// rule is that of a composite alarm, which was checked when it was put.
func (d *alarmDocument) rule() *alarm.Rule {
	r, err := alarm.ParseRule(*d.Composite.AlarmRule)
	if err != nil {
		panic(fmt.Sprintf("the stored rule of %s: %v", d.Name, err))
	}
	return r
}

// children are the alarms that the rule of a composite alarm mentions.
func (d *alarmDocument) children() []string {
	if d.Composite == nil {
		return nil
	}
	var names []string
	for _, a := range d.rule().Alarms() {
		if name, ok := d.alarmName(a); ok {
			names = append(names, name)
		}
	}
	return names
}

// readAlarms gives the documents of all alarms of all places.
func (s *Service) readAlarms(ctx context.Context) (all []*alarmDocument, err error) {
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		all, err = scanAlarms(ctx, tx, `SELECT document FROM cloudwatch_alarms ORDER BY account, region, name`)
		return err
	})
	return all, err
}

// scanNamed gives the documents of those alarms that exist, by name.
func scanNamed(ctx context.Context, tx *stdsql.Tx, p place, names []string) ([]*alarmDocument, error) {
	return scanAlarms(ctx, tx, `SELECT document FROM cloudwatch_alarms WHERE account = ? AND region = ? AND name IN (SELECT value FROM json_each(?)) ORDER BY name`, p.Account, p.Region, jsonList(names))
}

func jsonList[T ~string](names []T) string {
	text, err := json.Marshal(names)
	if err != nil {
		panic(err) // strings
	}
	return string(text)
}

// scanAlarms gives the documents that a statement selects.
func scanAlarms(ctx context.Context, tx *stdsql.Tx, statement string, args ...any) (all []*alarmDocument, err error) {
	err = eachAlarm(ctx, tx, func(d *alarmDocument) bool { all = append(all, d); return true }, statement, args...)
	return all, err
}

// eachAlarm calls fn for the documents that a statement selects, until it wants no more.
func eachAlarm(ctx context.Context, tx *stdsql.Tx, fn func(*alarmDocument) bool, statement string, args ...any) error {
	rows, err := tx.QueryContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		d := &alarmDocument{}
		if err := json.Unmarshal([]byte(text), d); err != nil {
			return fmt.Errorf("a stored alarm: %w", err)
		}
		if !fn(d) {
			return nil
		}
	}
	return rows.Err()
}

func writeAlarm(ctx context.Context, tx *stdsql.Tx, d *alarmDocument) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO cloudwatch_alarms VALUES (?, ?, ?, ?) ON CONFLICT (account, region, name) DO UPDATE SET document = excluded.document`, d.Account, d.Region, d.Name, string(text))
	return err
}

var errNoAlarm = errors.New("no such alarm")

// readAlarm gives one document, or errNoAlarm.
func (s *Service) readAlarm(ctx context.Context, p place, name string) (d *alarmDocument, err error) {
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error { d, err = scanAlarm(ctx, tx, p, name); return err })
	return d, err
}

func scanAlarm(ctx context.Context, tx *stdsql.Tx, p place, name string) (*alarmDocument, error) {
	var text string
	err := tx.QueryRowContext(ctx, `SELECT document FROM cloudwatch_alarms WHERE account = ? AND region = ? AND name = ?`, p.Account, p.Region, name).Scan(&text)
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil, errNoAlarm
	}
	if err != nil {
		return nil, err
	}
	d := &alarmDocument{}
	return d, json.Unmarshal([]byte(text), d)
}
