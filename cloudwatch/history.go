package cloudwatch

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"drey/cloudwatch/alarm"
	model "drey/model/cloudwatch"
)

// historyKept is how long items of the history are kept (DescribeAlarmHistory of the AWS CLI reference).
const historyKept = 30 * day

// Limits of an AlarmHistoryItem.
const (
	maxSummary     = 255
	maxHistoryData = 4095
)

type historyItem struct {
	place
	alarm   string
	kind    model.AlarmType
	at      time.Time
	what    model.HistoryItemType
	summary string
	data    string
}

func (d *alarmDocument) item(at time.Time, what model.HistoryItemType, summary string, data any) historyItem {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // what this package made
	}
	if len(summary) > maxSummary {
		summary = strings.ToValidUTF8(summary[:maxSummary], "")
	}
	if len(text) > maxHistoryData {
		text = []byte(`{"version":"1.0"}`)
	}
	return historyItem{d.place, d.Name, d.kind(), at, what, summary, string(text)}
}

type stateInHistory struct {
	StateValue      alarm.State     `json:"stateValue"`
	StateReason     string          `json:"stateReason"`
	StateReasonData json.RawMessage `json:"stateReasonData,omitempty"`
}

func inHistory(d *alarmDocument) stateInHistory {
	s := stateInHistory{StateValue: d.State, StateReason: d.Reason}
	if json.Valid([]byte(d.ReasonData)) {
		s.StateReasonData = json.RawMessage(d.ReasonData)
	}
	return s
}

func stateUpdate(was, is *alarmDocument) historyItem {
	data := struct {
		Version  string         `json:"version"`
		OldState stateInHistory `json:"oldState"`
		NewState stateInHistory `json:"newState"`
	}{"1.0", inHistory(was), inHistory(is)}
	item := is.item(is.StateUpdated, model.HistoryItemTypeStateUpdate, fmt.Sprintf("Alarm updated from %s to %s", was.State, is.State), data)
	if item.data == `{"version":"1.0"}` { // without what makes it too long
		data.OldState.StateReasonData, data.NewState.StateReasonData = nil, nil
		return is.item(is.StateUpdated, model.HistoryItemTypeStateUpdate, item.summary, data)
	}
	return item
}

// configuration is an item for an alarm that was made, changed or deleted.
func (d *alarmDocument) configuration(at time.Time, kind, summary string) historyItem {
	data := map[string]any{"version": "1.0", "type": kind, "alarmName": d.Name, "alarmArn": d.arn()}
	return d.item(at, model.HistoryItemTypeConfigurationUpdate, summary, data)
}

func (h historyItem) insert(ctx context.Context, tx *stdsql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO cloudwatch_history (account, region, alarm, kind, at, type, summary, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		h.Account, h.Region, h.alarm, string(h.kind), h.at.UnixMilli(), string(h.what), h.summary, h.data)
	return err
}

// DescribeAlarmHistory gives what happened to alarms, also to those that were deleted. Items of one time stay in the order in which they were
// written, or in the opposite one.
func (s *Service) DescribeAlarmHistory(ctx context.Context, in *model.DescribeAlarmHistoryInput) (*model.DescribeAlarmHistoryOutput, error) {
	if in.AlarmContributorId != nil {
		return nil, badValue.Errorf("The parameter AlarmContributorId is not supported: alarms of this server have no contributors.")
	}
	if in.StartDate != nil && in.EndDate != nil && in.StartDate.After(*in.EndDate) {
		return nil, invalid.Errorf("The parameter StartDate must not be after the parameter EndDate.")
	}
	statement, args, err := historyQuery(placeOf(ctx), in, s.now())
	if err != nil {
		return nil, err
	}
	out := &model.DescribeAlarmHistoryOutput{AlarmHistoryItems: []model.AlarmHistoryItem{}}
	limit, last := pageLimit(in.MaxRecords), ""
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, statement, append(args, limit+1)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if len(out.AlarmHistoryItems) == limit {
				out.NextToken = encodePage(last)
				return nil
			}
			item, id, err := scanHistory(rows.Scan)
			if err != nil {
				return err
			}
			last = fmt.Sprintf("%d/%d", item.Timestamp.UnixMilli(), id)
			out.AlarmHistoryItems = append(out.AlarmHistoryItems, item)
		}
		return rows.Err()
	})
	return out, err
}

// historyQuery selects the items of a page.
func historyQuery(p place, in *model.DescribeAlarmHistoryInput, now time.Time) (statement string, args []any, err error) {
	types := in.AlarmTypes
	if len(types) == 0 {
		types = []model.AlarmType{model.AlarmTypeMetricAlarm}
	}
	statement = `SELECT id, alarm, kind, at, type, summary, data FROM cloudwatch_history WHERE account = ? AND region = ? AND at >= ? AND at <= ? AND kind IN (SELECT value FROM json_each(?))`
	args = []any{p.Account, p.Region, millis(in.StartDate, now.Add(-historyKept)), millis(in.EndDate, now.Add(day)), jsonList(types)}
	if in.AlarmName != nil {
		statement, args = statement+` AND alarm = ?`, append(args, *in.AlarmName)
	}
	if in.HistoryItemType != "" {
		statement, args = statement+` AND type = ?`, append(args, string(in.HistoryItemType))
	}
	order, behind := "DESC", "<"
	if in.ScanBy == model.ScanByTimestampAscending {
		order, behind = "ASC", ">"
	}
	if in.NextToken != nil {
		var at, id int64
		last, err := decodePage(in.NextToken)
		if err != nil {
			return "", nil, err
		}
		if _, err := fmt.Sscanf(last, "%d/%d", &at, &id); err != nil {
			return "", nil, badPage
		}
		statement, args = statement+` AND (at, id) `+behind+` (?, ?)`, append(args, at, id)
	}
	return statement + ` ORDER BY at ` + order + `, id ` + order + ` LIMIT ?`, args, nil
}

func scanHistory(scan func(...any) error) (item model.AlarmHistoryItem, id int64, err error) {
	var name, kind, what, summary, data string
	var at int64
	err = scan(&id, &name, &kind, &at, &what, &summary, &data)
	return model.AlarmHistoryItem{
		AlarmName: &name, AlarmType: model.AlarmType(kind), Timestamp: new(time.UnixMilli(at).UTC()), HistoryItemType: model.HistoryItemType(what), HistorySummary: &summary, HistoryData: &data,
	}, id, err
}

func millis(t *time.Time, otherwise time.Time) int64 {
	if t == nil {
		return otherwise.UnixMilli()
	}
	return t.UnixMilli()
}

// forgetHistory deletes the items that have been kept long enough.
func (s *Service) forgetHistory(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *stdsql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM cloudwatch_history WHERE at < ?`, s.now().Add(-historyKept).UnixMilli())
		return err
	})
}
