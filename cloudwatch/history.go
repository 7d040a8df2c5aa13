package cloudwatch

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
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

// DescribeAlarmHistory gives what happened to alarms, also to those that were deleted.
func (s *Service) DescribeAlarmHistory(ctx context.Context, in *model.DescribeAlarmHistoryInput) (*model.DescribeAlarmHistoryOutput, error) {
	if in.AlarmContributorId != nil {
		return nil, badValue.Errorf("The parameter AlarmContributorId is not supported: alarms of this server have no contributors.")
	}
	descending := in.ScanBy != model.ScanByTimestampAscending
	from, err := decodeHistoryPlace(in.NextToken, descending)
	if err != nil {
		return nil, err
	}
	out := &model.DescribeAlarmHistoryOutput{}
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		order, behind := "ASC", ">"
		if descending {
			order, behind = "DESC", "<"
		}
		p := placeOf(ctx)
		rows, err := tx.QueryContext(ctx, `SELECT id, alarm, kind, at, type, summary, data FROM cloudwatch_history
			WHERE account = ? AND region = ? AND at >= ? AND at <= ? AND (at, id) `+behind+` (?, ?) AND (? = '' OR alarm = ?) AND (? = '' OR type = ?) ORDER BY at `+order+`, id `+order,
			p.Account, p.Region, millis(in.StartDate, s.now().Add(-historyKept)), millis(in.EndDate, s.now().Add(day)), from.at, from.id,
			deref(in.AlarmName), deref(in.AlarmName), string(in.HistoryItemType), string(in.HistoryItemType))
		if err != nil {
			return err
		}
		defer rows.Close()
		out.AlarmHistoryItems, out.NextToken, err = historyPage(rows, pageLimit(in.MaxRecords), in.AlarmTypes)
		return err
	})
	return out, err
}

// historyPlace is that of an item in the history.
type historyPlace struct{ at, id int64 }

// decodeHistoryPlace reads the place behind which a page begins; without a token it is before all items.
func decodeHistoryPlace(token *string, descending bool) (p historyPlace, err error) {
	last, err := decodePage(token)
	switch {
	case err != nil:
		return p, err
	case last == "" && descending:
		return historyPlace{math.MaxInt64, math.MaxInt64}, nil
	case last == "":
		return historyPlace{math.MinInt64, math.MinInt64}, nil
	}
	if _, err := fmt.Sscanf(last, "%d.%d", &p.at, &p.id); err != nil {
		return p, model.InvalidNextToken.Errorf("The value for parameter NextToken is invalid.")
	}
	return p, nil
}

// historyPage reads the items of the types, those of metric alarms if none is given, as many as fit on a page.
func historyPage(rows *stdsql.Rows, limit int, types []model.AlarmType) (items []model.AlarmHistoryItem, next *string, err error) {
	if len(types) == 0 {
		types = []model.AlarmType{model.AlarmTypeMetricAlarm}
	}
	items = []model.AlarmHistoryItem{}
	var last historyPlace
	for rows.Next() {
		var p historyPlace
		var name, kind, what, summary, data string
		if err := rows.Scan(&p.id, &name, &kind, &p.at, &what, &summary, &data); err != nil {
			return nil, nil, err
		}
		if !slices.Contains(types, model.AlarmType(kind)) {
			continue
		}
		if len(items) == limit {
			return items, encodePage(fmt.Sprintf("%d.%d", last.at, last.id)), nil
		}
		last = p
		items = append(items, model.AlarmHistoryItem{
			AlarmName: &name, AlarmType: model.AlarmType(kind), Timestamp: new(time.UnixMilli(p.at).UTC()), HistoryItemType: model.HistoryItemType(what), HistorySummary: &summary, HistoryData: &data,
		})
	}
	return items, nil, rows.Err()
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
