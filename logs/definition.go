package logs

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"drey/logs/insights"
	model "drey/model/logs"
)

// maxDefinitions is how many saved queries an account may have in a region ("CloudWatch Logs quotas").
const maxDefinitions = 1000

// PutQueryDefinition saves a query, or changes a saved one. Parameters of queries are not supported.
func (s *Service) PutQueryDefinition(ctx context.Context, in *model.PutQueryDefinitionInput) (*model.PutQueryDefinitionOutput, error) {
	if in.QueryLanguage != "" && in.QueryLanguage != model.QueryLanguageCWLI || len(in.Parameters) > 0 {
		return nil, model.InvalidParameterException.Errorf("Only queries in CWLI without parameters are supported by this server.")
	}
	if _, err := insights.Parse(*in.QueryString); err != nil {
		return nil, model.InvalidParameterException.Errorf("%s", err)
	}
	groups, err := json.Marshal(in.LogGroupNames)
	if err != nil {
		return nil, err
	}
	p, id := placeOf(ctx), newID()
	err = s.db.Write(ctx, func(tx *stdsql.Tx) error {
		var done stdsql.Result
		if in.QueryDefinitionId != nil {
			id = *in.QueryDefinitionId
			done, err = tx.ExecContext(ctx, `UPDATE logs_query_definitions SET name = ?, query = ?, groups = ?, modified = ? WHERE id = ? AND account = ? AND region = ?`,
				*in.Name, *in.QueryString, string(groups), s.now().UnixMilli(), id, p.account, p.region)
			return orMissing(done, err, errNoDefinition())
		}
		done, err = tx.ExecContext(ctx, `INSERT INTO logs_query_definitions SELECT ?, ?, ?, ?, ?, ?, ?
			WHERE (SELECT COUNT(*) FROM logs_query_definitions WHERE account = ?2 AND region = ?3) < ?`,
			id, p.account, p.region, *in.Name, *in.QueryString, string(groups), s.now().UnixMilli(), maxDefinitions)
		return orMissing(done, err, model.LimitExceededException.Errorf("An account can have at most %d query definitions.", maxDefinitions))
	})
	if err != nil {
		return nil, err
	}
	return &model.PutQueryDefinitionOutput{QueryDefinitionId: &id}, nil
}

func errNoDefinition() error {
	return model.ResourceNotFoundException.Errorf("The query definition does not exist.")
}

// orMissing is the outcome of a statement that has to touch a row.
func orMissing(done stdsql.Result, err, missing error) error {
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return missing
}

// DeleteQueryDefinition forgets a saved query.
func (s *Service) DeleteQueryDefinition(ctx context.Context, in *model.DeleteQueryDefinitionInput) (*model.DeleteQueryDefinitionOutput, error) {
	p := placeOf(ctx)
	err := s.db.Write(ctx, func(tx *stdsql.Tx) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM logs_query_definitions WHERE id = ? AND account = ? AND region = ?`, *in.QueryDefinitionId, p.account, p.region)
		return orMissing(done, err, errNoDefinition())
	})
	if err != nil {
		return nil, err
	}
	return &model.DeleteQueryDefinitionOutput{Success: new(true)}, nil
}

// DescribeQueryDefinitions lists saved queries by name.
func (s *Service) DescribeQueryDefinitions(ctx context.Context, in *model.DescribeQueryDefinitionsInput) (*model.DescribeQueryDefinitionsOutput, error) {
	from, err := parsePage(in.NextToken, "definitions")
	if err != nil {
		return nil, err
	}
	out := &model.DescribeQueryDefinitionsOutput{QueryDefinitions: []model.QueryDefinition{}}
	if in.QueryLanguage != "" && in.QueryLanguage != model.QueryLanguageCWLI {
		return out, nil
	}
	p, limit := placeOf(ctx), limitOf(in.MaxResults, 1000)
	after, id, _ := strings.Cut(from.Name, "\x00")
	err = s.db.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, name, query, groups, modified FROM logs_query_definitions
			WHERE account = ? AND region = ? AND (name, id) > (?, ?) ORDER BY name, id`, p.account, p.region, after, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() && len(out.QueryDefinitions) <= limit {
			d, err := scanDefinition(rows.Scan)
			if err != nil {
				return err
			}
			if in.QueryDefinitionNamePrefix == nil || strings.HasPrefix(*d.Name, *in.QueryDefinitionNamePrefix) {
				out.QueryDefinitions = append(out.QueryDefinitions, d)
			}
		}
		return rows.Err()
	})
	if len(out.QueryDefinitions) > limit {
		out.QueryDefinitions = out.QueryDefinitions[:limit]
		last := out.QueryDefinitions[limit-1]
		out.NextToken = encodeToken(page{List: "definitions", Name: *last.Name + "\x00" + *last.QueryDefinitionId})
	}
	return out, err
}

func scanDefinition(scan func(...any) error) (model.QueryDefinition, error) {
	var id, name, query, groups string
	var modified int64
	if err := scan(&id, &name, &query, &groups, &modified); err != nil {
		return model.QueryDefinition{}, err
	}
	d := model.QueryDefinition{QueryLanguage: model.QueryLanguageCWLI, QueryDefinitionId: &id, Name: &name, QueryString: &query, LastModified: &modified}
	if err := json.Unmarshal([]byte(groups), &d.LogGroupNames); err != nil {
		return d, fmt.Errorf("query definition %s: %w", id, err)
	}
	return d, nil
}
