package logs

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"

	model "drey/model/logs"
)

// key orders all events of a group and is different for each: by time, then arrival.
type key struct {
	time     int64
	ingested int64
	stream   int64
	block    uint64 // ordinal in the stream
	index    uint32 // in the block
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.time, o.time), cmp.Compare(k.ingested, o.ingested), cmp.Compare(k.stream, o.stream),
		cmp.Compare(k.block, o.block), cmp.Compare(k.index, o.index))
}

// after is the lowest key above k.
func (k key) after() key {
	k.index++
	return k
}

// beginning and end are below and above all events.
var (
	beginning = key{}
	end       = key{time: maxTime}
)

// maxTime is later than any event and has 14 digits.
const maxTime = 99_999_999_999_999

// id is the event's id, as long as those of AWS.
func (k key) id() string {
	return fmt.Sprintf("%014d%012d%024d%06d", k.time, k.stream, k.block, k.index)
}

// A position of GetLogEvents lies between two events: the key of the one after it. Forward from there comes what is at
// or above the key, backward what is below.
var positionForm = regexp.MustCompile(`^([fb])/(\d{14})(\d{14})(\d{20})(\d{8})/s$`)

func position(direction string, k key) *string {
	return new(fmt.Sprintf("%s/%014d%014d%020d%08d/s", direction, k.time, k.ingested, k.block, k.index))
}

// parsePosition reads a token of GetLogEvents on the stream.
func parsePosition(token string, stream int64) (_ key, backward bool, err error) {
	m := positionForm.FindStringSubmatch(token)
	if m == nil {
		return key{}, false, errToken()
	}
	block, err := strconv.ParseUint(m[4], 10, 64)
	if err != nil {
		return key{}, false, errToken()
	}
	return key{number(m[2]), number(m[3]), stream, block, uint32(number(m[5]))}, m[1] == "b", nil
}

// number reads up to 18 digits.
func number(digits string) int64 {
	n, _ := strconv.ParseInt(digits, 10, 64) // the form was matched
	return n
}

// cursor is where FilterLogEvents goes on.
type cursor struct {
	Group    int64  `json:"g"`
	Backward bool   `json:"d,omitempty"`
	Time     int64  `json:"t"`
	Ingested int64  `json:"i,omitempty"`
	Stream   int64  `json:"s,omitempty"`
	Block    uint64 `json:"b,omitempty"`
	Index    uint32 `json:"x,omitempty"`
}

func (c cursor) key() key { return key{c.Time, c.Ingested, c.Stream, c.Block, c.Index} }

func (c cursor) encode() *string { return encodeToken(c) }

func parseCursor(token string, group int64) (cursor, error) {
	var c cursor
	if err := decodeToken(token, &c); err != nil {
		return c, err
	}
	if c.Group != group || c.Time < 0 || c.Time == math.MaxInt64 || c.Index == math.MaxUint32 {
		return c, errToken()
	}
	return c, nil
}

// page is where a list of groups or streams goes on: after the thing that ended the page before.
type page struct {
	List string `json:"l"` // which list
	Time int64  `json:"t,omitempty"`
	Name string `json:"n"`
}

func parsePage(token *string, list string) (page, error) {
	if token == nil {
		return page{}, nil
	}
	var p page
	if err := decodeToken(*token, &p); err != nil {
		return p, err
	}
	if p.List != list || p.Name == "" {
		return p, errToken()
	}
	return p, nil
}

func encodeToken(v any) *string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers
	}
	return new(base64.RawURLEncoding.EncodeToString(b))
}

func decodeToken(token string, v any) error {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return errToken()
	}
	if err := json.Unmarshal(b, v); err != nil {
		return errToken()
	}
	return nil
}

func errToken() error {
	return model.InvalidParameterException.Errorf("The specified nextToken is invalid.")
}
