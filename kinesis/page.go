package kinesis

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	model "drey/model/kinesis"
	"drey/wire"
)

// openPage opens the token of a list. It is good for five minutes.
func (s *Service) openPage(kind tokenKind, text string) (token, error) {
	t, ok := s.sealer.open(kind, text)
	if !ok {
		return token{}, model.InvalidArgumentException.Errorf("The NextToken is invalid.")
	}
	if s.Now().Sub(t.Issued) > tokenLife {
		return token{}, model.ExpiredNextTokenException.Errorf("The NextToken has expired. It was created at %s and is good for %d seconds.", t.Issued.UTC().Format(time.RFC3339), int(tokenLife.Seconds()))
	}
	return t, nil
}

// cutPage gives what comes after the page that a token is of, by name, 100 at a time unless limit says less, and the token of this page
// if there is more.
func cutPage[T any](s *Service, kind tokenKind, all []T, name func(T) string, next *string, limit *int32) ([]T, *string, error) {
	if next != nil {
		t, err := s.openPage(kind, *next)
		if err != nil {
			return nil, nil, err
		}
		all = slices.DeleteFunc(all, func(x T) bool { return name(x) <= t.After })
	}
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(name(a), name(b)) })
	n := min(or(limit, maxPage), maxPage)
	if len(all) <= n {
		return all, nil, nil
	}
	return all[:n], new(s.sealer.seal(token{Kind: kind, After: name(all[n-1]), Issued: s.Now()})), nil
}

// callersStreams are the streams of the caller that one of the filters names; no filter names all.
func callersStreams[F model.QueueStreamFilter | model.StreamFilter](ctx context.Context, s *Service, filters []F) iter.Seq2[*stream, *state] {
	r := wire.FromContext(ctx)
	return func(yield func(*stream, *state) bool) {
		for _, st := range s.all() {
			x := st.load()
			wanted := func(filter F) bool {
				f := model.StreamFilter(filter)
				return *f.StreamARN == st.key.arn() && !otherCreation(x, f.StreamCreationTimestamp)
			}
			if st.key.Account != r.Account || st.key.Region != r.Region || len(filters) > 0 && !slices.ContainsFunc(filters, wanted) {
				continue
			}
			if !yield(st, x) {
				return
			}
		}
	}
}
