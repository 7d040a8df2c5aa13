package cloudwatch

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"drey/cloudwatch/search"
	model "drey/model/cloudwatch"
	"drey/store/kv"
)

// shops are metrics of several namespaces, names and dimensions, and of as many tasks as are too many to be followed one by one.
func shops() (all []series) {
	add := func(region, namespace, name string, d ...Dimension) {
		all = append(all, newSeries("123456789012", region, namespace, name, d))
	}
	for _, namespace := range []string{"Shop", "Shop/East", "Ware", "AWS/Test"} {
		for _, name := range []string{"orders", "ordersLate", "NetworkErrors2", "a"} {
			add("us-east-1", namespace, name)
			add("eu-west-1", namespace, name, Dimension{"App", "a"})
			for i := range 4 {
				app, host := Dimension{"App", "app-" + strconv.Itoa(i)}, Dimension{"Host", "h-" + strconv.Itoa(i%2)}
				add("us-east-1", namespace, name, app)
				add("us-east-1", namespace, name, host, app)
				add("us-east-1", namespace, name, host, Dimension{"Zone", "Shop/" + strconv.Itoa(i)})
			}
		}
	}
	for i := range maxFollowed + 100 {
		add("us-east-1", "Many", "busy", Dimension{"Task", "task-" + strconv.Itoa(i)})
	}
	return all
}

func putSeries(t *testing.T, s *Service, list []series, now time.Time) {
	t.Helper()
	data := map[[2]string][]Datum{} // by region and namespace
	for _, of := range list {
		at := [2]string{of.region, of.namespace}
		data[at] = append(data[at], Datum{Name: of.name, Dimensions: of.dimensions, Time: now, Value: 1})
	}
	for at, list := range data {
		if err := s.Put(t.Context(), "123456789012", at[0], at[1], list); err != nil {
			t.Fatal(err)
		}
	}
}

func keys(list []series) (keys []string) {
	for _, of := range list {
		keys = append(keys, string(of.key()))
	}
	slices.Sort(keys)
	return keys
}

// TestSearchesFindAll: whatever leads to metrics, none is left out that matches.
func TestSearchesFindAll(t *testing.T) {
	s, _ := open(t, t.TempDir())
	all := shops()
	putSeries(t, s, all, noon)
	for _, query := range []string{
		`{Shop,App} App="app-1"`, `App="app-1"`, `Host="h-1" MetricName="orders"`, `App=("app-1" OR "app-2") NOT MetricName=a`, `{"Shop/East",App,Host} App=app`,
		`App="app-1" OR Host="h-0"`, `shop`, `{Ware} shop`, `{Ware,Host,Zone} shop`, `"Shop"`, `errors 2`, `MetricName=orders`, `{Ware} MetricName="a"`, `app-1 east`,
		`task`, `task-7 OR orders`, `Task=task busy`, `Task=task nothing`, `{Many,Task}`, `NOT App=app NOT Task=task`, `nothing`, `App="app-1" App="app-2"`, `Zone=shop Host=h`, `AWS`,
	} {
		q, err := search.Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		want := keys(slices.DeleteFunc(slices.Clone(all), func(of series) bool { return of.region != "us-east-1" || !q.Matches(of.searched()) }))
		d := s.dataset(request(t.Context()), "123456789012", "us-east-1", noon, noon, nil)
		found, err := d.find(q)
		if err != nil {
			t.Fatal(err)
		}
		got := keys(found)
		if d.exceeded != (len(want) > maxSearched) {
			t.Errorf("%s: exceeded is %v for %d", query, d.exceeded, len(want))
		}
		if d.exceeded {
			want = slices.DeleteFunc(want, func(k string) bool { return !slices.Contains(got, k) })
			if len(got) != maxSearched {
				t.Errorf("%s: %d of many", query, len(got))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %d of %d", query, len(got), len(want))
		}
	}
}

// TestListsFindAll: every filter gives all of its metrics, once, over pages.
func TestListsFindAll(t *testing.T) {
	s, _ := open(t, t.TempDir())
	all := shops()
	putSeries(t, s, all, noon)
	filters := [][]model.DimensionFilter{
		nil, {{Name: new("App")}}, {{Name: new("App"), Value: new("app-1")}}, {{Name: new("Host")}, {Name: new("App"), Value: new("app-1")}}, {{Name: new("Task")}},
		{{Name: new("Host"), Value: new("h-0")}, {Name: new("App")}}, {{Name: new("App"), Value: new("app")}},
	}
	for _, namespace := range []*string{nil, new("Shop"), new("Many"), new("Sho")} {
		for _, name := range []*string{nil, new("orders"), new("busy"), new("b")} {
			for i, f := range filters {
				want := 0
				for _, of := range all {
					if of.region == "us-east-1" && (namespace == nil || *namespace == of.namespace) && (name == nil || *name == of.name) && matches(of, f) {
						want++
					}
				}
				got := list(t, s, model.ListMetricsInput{Namespace: namespace, MetricName: name, Dimensions: f})
				slices.Sort(got)
				if len(got) != want || len(slices.Compact(got)) != want {
					t.Errorf("%v %v, filter %d: %d, expected %d", deref(namespace), deref(name), i, len(got), want)
				}
			}
		}
	}
}

// TestForeignListTokens: a token leads nowhere but through the list that gave it.
func TestForeignListTokens(t *testing.T) {
	s, _ := open(t, t.TempDir())
	putSeries(t, s, shops(), noon)
	out, err := s.ListMetrics(request(t.Context()), &model.ListMetricsInput{Namespace: new("Many")})
	if err != nil || out.NextToken == nil {
		t.Fatalf("%v, %v", out, err)
	}
	for _, in := range []model.ListMetricsInput{{Namespace: new("Shop")}, {Namespace: new("Ware")}, {Dimensions: []model.DimensionFilter{{Name: new("Task")}}}} {
		in.NextToken = out.NextToken
		if _, err := s.ListMetrics(request(t.Context()), &in); !errors.Is(err, badValue) {
			t.Errorf("%v: %v", in, err)
		}
	}
}

// entries are all keys of the index.
func entries(t *testing.T, s *Service) (list []string) {
	t.Helper()
	for _, prefix := range []byte{indexPrefix, dimensionPrefix, valuePrefix} {
		low := []byte{prefix}
		if err := s.kv.Scan(t.Context(), low, after(low), func(key, _ []byte) error { list = append(list, string(key)); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// TestIndexIsCompleted: a store that lists metrics by their names alone gets the other orders, also when this was cut off before.
func TestIndexIsCompleted(t *testing.T) {
	dir := t.TempDir()
	all := shops()
	old := kv.New(kv.Config{Dir: dir + "/metrics", Merge: merge})
	if err := old.Write(func(b kv.Batch) (err error) {
		for _, of := range all {
			err = errors.Join(err, b.Merge(of.key(), encodeTime(noon.Unix())))
		}
		half := all[len(all)/2]
		return errors.Join(err, b.Merge(half.dimensionKeys()[0], encodeTime(noon.Add(-day).Unix())))
	}); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s, c := open(t, dir)
	if got := list(t, s, model.ListMetricsInput{Dimensions: []model.DimensionFilter{{Name: new("Task"), Value: new("task-7")}}, RecentlyActive: "PT3H"}); fmt.Sprint(got) != "[Many/busy,Task=task-7]" {
		t.Errorf("found %v", got)
	}
	fresh, _ := open(t, t.TempDir())
	putSeries(t, fresh, all, noon)
	if got, want := entries(t, s), entries(t, fresh); !slices.Equal(got, want) {
		t.Errorf("%d entries, a fresh store has %d", len(got), len(want))
	}
	at := c.now()
	var merged []byte
	key := all[len(all)/2].dimensionKeys()[0]
	if err := s.kv.Scan(t.Context(), key, after(key), func(_, value []byte) error { merged = bytes.Clone(value); return nil }); err != nil || decodeTime(merged) != at.Unix() {
		t.Errorf("the time is %v, %v", merged, err)
	}
}

// TestMetricsAreForgotten: what is not listed any more leaves the index.
func TestMetricsAreForgotten(t *testing.T) {
	s, c := open(t, t.TempDir())
	putSeries(t, s, shops(), noon)
	kept := newSeries("123456789012", "us-east-1", "Shop", "orders", []Dimension{{"App", "app-1"}})
	c.set(noon.Add(listed))
	putSeries(t, s, []series{kept}, c.now())
	before := len(entries(t, s))
	c.set(noon.Add(listed + 2*time.Hour))
	putSeries(t, s, []series{kept}, c.now())
	if got := entries(t, s); before < len(shops()) || len(got) != 3 {
		t.Errorf("%d entries of %d are left", len(got), before)
	}
	if got := list(t, s, model.ListMetricsInput{Dimensions: []model.DimensionFilter{{Name: new("App")}}}); fmt.Sprint(got) != "[Shop/orders,App=app-1]" {
		t.Errorf("found %v", got)
	}
}
