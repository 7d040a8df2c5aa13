package search

import "slices"

// Lead is a condition that every metric of a search meets in one of its strings, so that whoever has an index of these strings need not
// look at the other metrics.
type Lead struct {
	leaves []match
	schema []string // the names of the dimensions of the metrics; nil = any
}

// Names are the dimensions in which the condition can be met; nil = in any.
func (l *Lead) Names() (names []string) {
	for _, x := range l.leaves {
		switch x.property {
		case "":
			return l.schema
		case propertyName, propertyNamespace:
		default:
			if !slices.Contains(names, x.property) {
				names = append(names, x.property)
			}
		}
	}
	return names
}

// Exact are the dimensions of which the metrics have one; nil = the condition can be met in other ways.
func (l *Lead) Exact() (list []Dimension) {
	for _, x := range l.leaves {
		if !x.exact() || !x.ofDimension() {
			return nil
		}
		list = append(list, Dimension{x.property, x.value})
	}
	return list
}

// InDimension tells whether a dimension meets the condition.
func (l *Lead) InDimension(d Dimension) bool {
	return slices.ContainsFunc(l.leaves, func(x match) bool { return x.inDimension(d) })
}

// Elsewhere tells whether the condition can be met without a dimension.
func (l *Lead) Elsewhere() bool {
	return slices.ContainsFunc(l.leaves, func(x match) bool { return !x.ofDimension() })
}

// InNames tells whether a namespace or the name of a metric meets the condition.
func (l *Lead) InNames(namespace, name string) bool {
	return slices.ContainsFunc(l.leaves, func(x match) bool { return x.inNames(namespace, name) })
}

// Lead is what to look for first; nil = namespaces and names, of which Possible tells, lead further, or nothing does.
func (q *Query) Lead() *Lead {
	var best *Lead
	for _, leaves := range required(q.terms) {
		l := &Lead{leaves: leaves}
		if len(q.schema) > 1 {
			l.schema = q.schema[1:]
		}
		if best == nil || l.rank() < best.rank() || l.rank() == best.rank() && l.length() > best.length() {
			best = l
		}
	}
	if best != nil && best.rank() == rankNames {
		return nil
	}
	return best
}

// Ranks of leads, the best first. Of the values of a dimension there can be as many as there are metrics; few namespaces and names
// differ.
const (
	rankExact = iota
	rankNames
	rankDimension
	rankAnywhere
)

func (l *Lead) rank() int {
	dimension := slices.ContainsFunc(l.leaves, match.ofDimension)
	switch {
	case l.Exact() != nil:
		return rankExact
	case slices.ContainsFunc(l.leaves, func(x match) bool { return x.property == "" }), dimension && l.Elsewhere():
		return rankAnywhere
	case dimension:
		return rankDimension
	}
	return rankNames
}

// length is that of the shortest text. Longer ones are found in fewer metrics.
func (l *Lead) length() int {
	return len(slices.MinFunc(l.leaves, func(a, b match) int { return len(a.value) - len(b.value) }).value)
}

// required are the conditions that each metric must meet, as far as they do not deny something: of each condition the matches of which at
// least one is met.
func required(t term) (list [][]match) {
	switch t := t.(type) {
	case match:
		return [][]match{{t}}
	case all:
		for _, x := range t {
			list = append(list, required(x)...)
		}
	case either:
		if len(t) == 1 {
			return required(t[0])
		}
		var any []match
		for _, x := range t {
			own := required(x)
			if len(own) == 0 {
				return nil
			}
			any = append(any, own[0]...)
		}
		return [][]match{any}
	}
	return list
}
