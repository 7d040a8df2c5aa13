package main

import "encoding/json"

// model is a service description as botocore carries it (service-2.json).
type model struct {
	Metadata struct {
		APIVersion     string   `json:"apiVersion"`
		EndpointPrefix string   `json:"endpointPrefix"`
		JSONVersion    string   `json:"jsonVersion"`
		Protocols      []string `json:"protocols"`
		ServiceID      string   `json:"serviceId"`
		SigningName    string   `json:"signingName"`
		TargetPrefix   string   `json:"targetPrefix"`
		XMLNamespace   string   `json:"xmlNamespace"`
	} `json:"metadata"`
	Operations map[string]*operation `json:"operations"`
	Shapes     map[string]*shape     `json:"shapes"`
}

type operation struct {
	HTTP struct {
		Method       string `json:"method"`
		RequestURI   string `json:"requestUri"`
		ResponseCode int    `json:"responseCode"`
	} `json:"http"`
	Input  *ref `json:"input"`
	Output *ref `json:"output"`
}

type ref struct {
	Shape        string `json:"shape"`
	Location     string `json:"location"`
	LocationName string `json:"locationName"`
	Flattened    bool   `json:"flattened"`
	Streaming    bool   `json:"streaming"`
	XMLAttribute bool   `json:"xmlAttribute"`
	XMLNamespace xmlns  `json:"xmlNamespace"`
	TimeFormat   string `json:"timestampFormat"`
	EventPayload bool   `json:"eventpayload"`
	Wrapper      string `json:"resultWrapper"`
}

type xmlns struct {
	URI string `json:"uri"`
}

// UnmarshalJSON takes both spellings: an object, or the URI alone.
func (x *xmlns) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &x.URI)
	}
	type plain xmlns
	return json.Unmarshal(b, (*plain)(x))
}

type shape struct {
	Type       string         `json:"type"`
	Members    orderedMembers `json:"members"`
	Required   []string       `json:"required"`
	Member     *ref           `json:"member"`
	Key        *ref           `json:"key"`
	Value      *ref           `json:"value"`
	Enum       []string       `json:"enum"`
	Min        json.Number    `json:"min"`
	Max        json.Number    `json:"max"`
	Pattern    string         `json:"pattern"`
	Payload    string         `json:"payload"`
	Flattened  bool           `json:"flattened"`
	Exception  bool           `json:"exception"`
	Fault      bool           `json:"fault"`
	Streaming  bool           `json:"streaming"`
	Event      bool           `json:"event"`
	EventStrm  bool           `json:"eventstream"`
	TimeFormat string         `json:"timestampFormat"`
	LocName    string         `json:"locationName"`
	Error      *struct {
		Code       string `json:"code"`
		HTTPStatus int    `json:"httpStatusCode"`
		Fault      bool   `json:"fault"`
	} `json:"error"`
}

// orderedMembers keeps the order of the description, which is the order of elements on the wire.
type orderedMembers struct {
	names []string
	refs  map[string]*ref
}

func (o *orderedMembers) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &o.refs); err != nil {
		return err
	}
	names, err := objectKeys(b)
	o.names = names
	return err
}
