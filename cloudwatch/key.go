package cloudwatch

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"
)

// Keys of the store:
//
//	s account region namespace name (dimension value)…                   -> about when points came last, Unix seconds
//	d account region dimension value namespace name (dimension value)…   -> the same, once for each dimension of a metric
//	v account region dimension value                                     -> the same
//	i                                                                    -> there while d and v have all that s has
//	p tier partition series time unit                                    -> a bucket
//
// Strings of index keys end with 00 01 and double a 00 inside as 00 FF, so they sort as the strings do. A partition is a
// span of time that expires at once. It is short, because what is put now is sorted in among the partition's other points:
// a partition that has passed is not written again. And it is long enough for the points of a series to lie together.
const (
	indexPrefix     = 's'
	dimensionPrefix = 'd'
	valuePrefix     = 'v'
	indexedPrefix   = 'i'
	pointPrefix     = 'p'
)

// Dimension is a name and value that tell metrics of one name apart.
type Dimension struct{ Name, Value string }

// series is what makes a metric a metric of its own.
type series struct {
	account, region, namespace, name string
	dimensions                       []Dimension // by name
}

func newSeries(account, region, namespace, name string, d []Dimension) series {
	d = slices.Clone(d)
	slices.SortFunc(d, compareNames)
	return series{account, region, namespace, name, d}
}

func compareNames(a, b Dimension) int { return strings.Compare(a.Name, b.Name) }

// indexKey begins with the parts that are given; further parts follow them in the order of the fields.
func indexKey(parts ...string) []byte { return appendParts([]byte{indexPrefix}, parts...) }

// dimensionKey is indexKey in the order by dimensions.
func dimensionKey(parts ...string) []byte { return appendParts([]byte{dimensionPrefix}, parts...) }

// valueKey is the key of a dimension itself, whatever metrics have it.
func valueKey(parts ...string) []byte { return appendParts([]byte{valuePrefix}, parts...) }

func appendParts(k []byte, parts ...string) []byte {
	for _, p := range parts {
		if strings.IndexByte(p, 0) >= 0 {
			p = strings.ReplaceAll(p, "\x00", "\x00\xff")
		}
		k = append(k, p...)
		k = append(k, partEnd...)
	}
	return k
}

const partEnd = "\x00\x01"

// plain is a part of a key as it was before it was appended.
func plain(part string) string {
	if strings.IndexByte(part, 0) < 0 {
		return part
	}
	return strings.ReplaceAll(part, "\x00\xff", "\x00")
}

func (s series) key() []byte {
	return appendDimensions(indexKey(s.account, s.region, s.namespace, s.name), s.dimensions)
}

// dimensionKeys are those of the order by dimensions.
func (s series) dimensionKeys() [][]byte {
	keys := make([][]byte, len(s.dimensions))
	for i, d := range s.dimensions {
		k := dimensionKey(s.account, s.region, d.Name, d.Value, s.namespace, s.name)
		keys[i] = appendDimensions(appendDimensions(k, s.dimensions[:i]), s.dimensions[i+1:])
	}
	return keys
}

func appendDimensions(k []byte, list []Dimension) []byte {
	for _, d := range list {
		k = appendParts(k, d.Name, d.Value)
	}
	return k
}

var errIndexKey = errors.New("not a key of the index of metrics")

// decodeSeries reads a key of either order.
func decodeSeries(key []byte) (s series, err error) {
	if len(key) == 0 || key[0] != indexPrefix && key[0] != dimensionPrefix {
		return s, errIndexKey
	}
	var room [16]string
	parts, rest := room[:0], string(key[1:])
	for rest != "" {
		part, behind, ok := strings.Cut(rest, partEnd)
		if !ok {
			return s, errIndexKey
		}
		parts, rest = append(parts, plain(part)), behind
	}
	if len(parts) < 4 || len(parts)%2 != 0 || key[0] == dimensionPrefix && len(parts) < 6 {
		return s, errIndexKey
	}
	s = series{account: parts[0], region: parts[1]}
	s.dimensions = make([]Dimension, 0, len(parts)/2-2)
	parts = parts[2:]
	if key[0] == dimensionPrefix {
		s.dimensions, parts = append(s.dimensions, Dimension{parts[0], parts[1]}), parts[2:]
	}
	s.namespace, s.name = parts[0], parts[1]
	for p := parts[2:]; len(p) > 0; p = p[2:] {
		s.dimensions = append(s.dimensions, Dimension{p[0], p[1]})
	}
	if key[0] == dimensionPrefix {
		slices.SortFunc(s.dimensions, compareNames)
	}
	return s, nil
}

// after is the first key behind all keys that begin with k.
func after(k []byte) []byte {
	return append(slices.Clone(k), 0xff)
}

// seriesID stands for a series in point keys.
type seriesID [16]byte

func (s series) id() (id seriesID) {
	sum := sha256.Sum256(s.key())
	copy(id[:], sum[:])
	return id
}

// tier is a width of buckets and how long they are kept.
type tier struct {
	code      byte
	width     int64 // seconds
	partition int64 // seconds
	keep      time.Duration
}

const day = 24 * time.Hour

// tiers are ordered from fine to coarse.
var tiers = []tier{
	{code: 1, width: 1, partition: 3600, keep: 3 * time.Hour},
	{code: 2, width: 60, partition: 3600, keep: 15 * day},
	{code: 3, width: 300, partition: 6 * 3600, keep: 63 * day},
	{code: 4, width: 3600, partition: 2 * 86400, keep: 455 * day},
}

// start is the Unix time at which the bucket of t begins.
func (t tier) start(at int64) int64 { return floor(at, t.width) }

func floor(v, unit int64) int64 { return v - ((v%unit)+unit)%unit }

// prefix is what all keys of the partition begin with that holds the Unix time at.
func (t tier) prefix(at int64) []byte {
	return binary.BigEndian.AppendUint32([]byte{pointPrefix, t.code}, uint32(at/t.partition))
}

// pointKey is the key of the bucket that holds the Unix time at.
func (t tier) pointKey(id seriesID, at int64, unit string) []byte {
	k := append(t.prefix(at), id[:]...)
	k = binary.BigEndian.AppendUint64(k, uint64(t.start(at)))
	if code := slices.Index(units, unit); code >= 0 {
		return append(k, unitCode+byte(code))
	}
	return append(k, unit...)
}

// units stand in keys as the byte unitCode and their place here. What is not among them is spelled out.
var units = []string{
	"None", "Count", "Count/Second", "Percent", "Seconds", "Microseconds", "Milliseconds",
	"Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits",
	"Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second",
	"Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second",
}

const unitCode = 0x80

const pointTime = 2 + 4 + len(seriesID{}) // where the time begins in a point key

func decodePoint(key []byte) (int64, string) {
	at, spelled := int64(binary.BigEndian.Uint64(key[pointTime:])), key[pointTime+8:]
	if len(spelled) == 1 && spelled[0] >= unitCode && int(spelled[0]-unitCode) < len(units) {
		return at, units[spelled[0]-unitCode]
	}
	return at, string(spelled)
}
