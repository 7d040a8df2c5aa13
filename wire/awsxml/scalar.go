package awsxml

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/mail"
	"reflect"
	"strconv"
	"strings"
	"time"

	"drey/wire/shape"
)

// SetScalar parses s into v. The error says what s is not.
func SetScalar(v reflect.Value, kind shape.Kind, s string) error {
	var err error
	switch kind {
	case shape.String:
		v.SetString(s)
	case shape.Integer:
		var n int64
		if n, err = strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil && v.OverflowInt(n) {
			err = strconv.ErrRange
		}
		if err == nil {
			v.SetInt(n)
		}
	case shape.Float:
		var f float64
		if f, err = strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil || errors.Is(err, strconv.ErrRange) && !math.IsInf(f, 0) {
			v.SetFloat(f)
		}
	case shape.Boolean:
		var b bool
		if b, err = strconv.ParseBool(strings.ToLower(strings.TrimSpace(s))); err == nil {
			v.SetBool(b)
		}
	case shape.Blob:
		var b []byte
		if b, err = base64.StdEncoding.DecodeString(strings.TrimSpace(s)); err == nil {
			v.SetBytes(b)
		}
	case shape.Timestamp:
		var t time.Time
		if t, err = ParseTime(strings.TrimSpace(s)); err == nil {
			v.Set(reflect.ValueOf(t))
		}
	}
	if err != nil {
		return fmt.Errorf("%q is not a valid %s", s, kindNames[kind])
	}
	return nil
}

var kindNames = map[shape.Kind]string{
	shape.Integer: "Integer", shape.Float: "Double", shape.Boolean: "Boolean", shape.Blob: "base64 value", shape.Timestamp: "timestamp",
}

// ParseTime reads any of the formats that clients send: ISO 8601, HTTP dates, seconds since the epoch.
func ParseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "20060102T150405Z", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	if sec, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(sec) <= 253402300799 {
		return time.UnixMilli(int64(math.Round(sec * 1000))).UTC(), nil
	}
	t, err := mail.ParseDate(s)
	return t.UTC(), err
}
