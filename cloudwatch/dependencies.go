package cloudwatch

import (
	"context"
	stdsql "database/sql"
	"errors"

	model "drey/model/cloudwatch"
)

// load puts alarms on the board: those that are named, the composite alarms that depend on the moving ones, and what all of these depend
// on.
func (b *board) load(ctx context.Context, tx *stdsql.Tx, moving, reading []string) error {
	known := map[string]bool{}
	fresh := func(names []string) (list []string) {
		for _, n := range names {
			if !known[n] {
				known[n] = true
				list = append(list, n)
			}
		}
		return list
	}
	wanted := fresh(moving)
	for up := wanted; len(up) > 0; wanted = append(wanted, up...) {
		parents, err := dependents(ctx, tx, b.place, up)
		if err != nil {
			return err
		}
		up = fresh(parents)
	}
	for down := append(wanted, fresh(reading)...); len(down) > 0; {
		found, err := scanNamed(ctx, tx, b.place, down)
		if err != nil {
			return err
		}
		down = nil
		for _, d := range found {
			b.alarms[d.Name] = d
			down = append(down, fresh(d.dependencies())...)
		}
	}
	return nil
}

// dependencies are the alarms that the state of an alarm, or what it acts, depends on.
func (d *alarmDocument) dependencies() []string {
	names := d.children()
	if by := d.suppressor(); by != "" {
		names = append(names, by)
	}
	return names
}

// dependents are the composite alarms that depend on one of the alarms by themselves.
func dependents(ctx context.Context, tx *stdsql.Tx, p place, names []string) (parents []string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT parent FROM cloudwatch_dependencies WHERE account = ? AND region = ? AND child IN (SELECT value FROM json_each(?)) ORDER BY parent`, p.Account, p.Region, jsonList(names))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		parents = append(parents, name)
	}
	return parents, rows.Err()
}

func forgetDependencies(ctx context.Context, tx *stdsql.Tx, p place, parent string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM cloudwatch_dependencies WHERE account = ? AND region = ? AND parent = ?`, p.Account, p.Region, parent)
	return err
}

// maxRules is how many composite alarms may have an alarm in their rules (PutCompositeAlarm of the API reference).
const maxRules = 150

// writeDependencies replaces what is stored of those of an alarm.
func writeDependencies(ctx context.Context, tx *stdsql.Tx, d *alarmDocument) error {
	if err := forgetDependencies(ctx, tx, d.place, d.Name); err != nil {
		return err
	}
	for rule, names := range map[bool][]string{true: d.children(), false: {d.suppressor()}} {
		if _, err := tx.ExecContext(ctx, `INSERT INTO cloudwatch_dependencies SELECT ?, ?, value, ?, ? FROM json_each(?) WHERE value <> '' ON CONFLICT DO UPDATE SET rule = MAX(rule, excluded.rule)`,
			d.Account, d.Region, d.Name, rule, jsonList(names)); err != nil {
			return err
		}
	}
	var child string
	err := tx.QueryRowContext(ctx, `SELECT child FROM cloudwatch_dependencies WHERE account = ? AND region = ? AND child IN (SELECT value FROM json_each(?)) AND rule
		GROUP BY child HAVING COUNT(*) > ?`, d.Account, d.Region, jsonList(d.children()), maxRules).Scan(&child)
	if errors.Is(err, stdsql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return model.LimitExceededFault.Errorf("The alarm %s is in the rules of %d composite alarms already.", child, maxRules)
}

// completeDependencies stores those of alarms that were put when none were stored.
func (s *Service) completeDependencies(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *stdsql.Tx) error {
		all, err := scanAlarms(ctx, tx, `SELECT document FROM cloudwatch_alarms NATURAL JOIN (SELECT account, region, parent AS name FROM cloudwatch_dependencies WHERE child = '')`)
		if err != nil {
			return err
		}
		for _, d := range all {
			if err := writeDependencies(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
}
