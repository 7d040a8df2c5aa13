package alarmaction

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Scaling is an action that changes the parallelism of an application. AWS leaves custom scaling to Application Auto Scaling
// and a function of one's own; here the ARN of the action says it all:
//
//	arn:aws:kinesisanalytics:<region>:<account>:scaling/<application>?role=<role>&parallelism=<change>&min=<n>&max=<n>
//
// change is a number, or one to add, subtract, multiply by or divide by: 8, +2, -2, *2, /2. The role, of the same account,
// trusts cloudwatch.amazonaws.com and may describe and update the application.
type Scaling struct {
	Account, Region, Application string
	RoleARN                      string
	operator                     byte // '=' for a plain number
	by                           float64
	min, max                     int32
}

const scalingPrefix = "scaling/"

// IsScaling tells whether an ARN means to be a scaling action.
func IsScaling(arn string) bool {
	p := strings.SplitN(arn, ":", 6)
	return len(p) == 6 && p[2] == "kinesisanalytics" && strings.HasPrefix(p[5], scalingPrefix)
}

// ParseScaling reads a scaling action.
func ParseScaling(arn string) (*Scaling, error) {
	p := strings.SplitN(arn, ":", 6)
	if !IsScaling(arn) {
		return nil, fmt.Errorf("%s is no scaling action", arn)
	}
	name, query, _ := strings.Cut(strings.TrimPrefix(p[5], scalingPrefix), "?")
	s := &Scaling{Region: p[3], Account: p[4], Application: name, min: 1, max: math.MaxInt32}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if err := s.set(key, value); err != nil {
			return nil, fmt.Errorf("the scaling action %s: %w", arn, err)
		}
	}
	if name == "" || s.RoleARN == "" || s.operator == 0 || s.min > s.max {
		return nil, fmt.Errorf("the scaling action %s must have the form arn:aws:kinesisanalytics:<region>:<account>:scaling/<application>?role=<role>&parallelism=<n, +n, -n, *n or /n>&min=<n>&max=<n>", arn)
	}
	return s, nil
}

func (s *Scaling) set(key, value string) (err error) {
	switch key {
	case "role":
		if value != "" {
			s.RoleARN = "arn:aws:iam::" + s.Account + ":role/" + value
		}
	case "parallelism":
		s.operator = '='
		if value != "" && strings.IndexByte("+-*/", value[0]) >= 0 {
			s.operator, value = value[0], value[1:]
		}
		if s.by, err = strconv.ParseFloat(value, 64); err != nil || !(s.by > 0) || s.by > math.MaxInt32 {
			return fmt.Errorf("parallelism %q is no positive number", value)
		}
	case "min":
		s.min, err = count(value)
	case "max":
		s.max, err = count(value)
	default:
		return fmt.Errorf("unknown parameter %q", key)
	}
	return err
}

func count(value string) (int32, error) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no positive number", value)
	}
	return int32(n), nil
}

// Target is the parallelism to go to from the current one; fractions are rounded up.
func (s *Scaling) Target(current int32) int32 {
	v := s.by
	switch c := float64(current); s.operator {
	case '+':
		v = c + s.by
	case '-':
		v = c - s.by
	case '*':
		v = c * s.by
	case '/':
		v = c / s.by
	}
	return int32(min(max(math.Ceil(v), float64(s.min)), float64(s.max)))
}
