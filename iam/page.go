package iam

import (
	"encoding/base64"
	"net/url"
	"sort"
	"strings"
	"unicode"
)

// page cuts a list as Marker and MaxItems ask. The list is ordered by key; the marker holds the last key given out, so
// that a page continues rightly when things come and go between calls.
func page[T any](list []T, marker *string, maxItems *int32, key func(T) string) (part []T, truncated *bool, next *string, err error) {
	if marker != nil {
		last, err := base64.StdEncoding.DecodeString(*marker)
		if err != nil {
			return nil, nil, nil, invalid("Invalid Marker.")
		}
		list = list[sort.Search(len(list), func(i int) bool { return key(list[i]) > string(last) }):]
	}
	n := 100
	if maxItems != nil {
		n = int(*maxItems)
	}
	if len(list) <= n {
		if list == nil {
			list = []T{}
		}
		return list, new(false), nil, nil
	}
	return list[:n], new(true), new(base64.StdEncoding.EncodeToString([]byte(key(list[n-1])))), nil
}

// sortedKeys gives the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

// encoded writes a policy document as IAM's answers hold it (RFC 3986).
func encoded(document string) *string {
	return new(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

// size counts the characters of documents as IAM's quotas do: without white space.
func size(documents ...string) int {
	n := 0
	for _, d := range documents {
		for _, r := range d {
			if !unicode.IsSpace(r) {
				n++
			}
		}
	}
	return n
}

// or gives *p, or d if p is nil.
func or[T any](p *T, d T) T {
	if p == nil {
		return d
	}
	return *p
}
