package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"drey/wire"
)

var protocols = map[string]string{
	"query": "wire.Query", "rest-xml": "wire.RESTXML", "smithy-rpc-v2-cbor": "wire.RPCv2",
}

// api is the interface of the service, its table of operations and its errors.
func (e *emitter) api(unserved []string, validation wire.ErrorCode, maxBody int64) string {
	e.imports = map[string]bool{"context": true, "drey/wire": true}
	var b strings.Builder
	fmt.Fprintf(&b, "// API is the service: one method for each operation that is served.\ntype API interface {\n")
	for _, op := range e.served {
		fmt.Fprintf(&b, "%s(context.Context, *%sInput) (*%sOutput, error)\n", op, op, op)
	}
	b.WriteString("}\n\n// Ops is the table of operations of api.\nfunc Ops(api API) []wire.Op {\nreturn []wire.Op{\n")
	for _, op := range e.served {
		h := e.m.Operations[op].HTTP
		fmt.Fprintf(&b, "wire.NewOp(%q, %q, %q, %d, api.%s),\n", op, h.Method, h.RequestURI, h.ResponseCode, op)
	}
	b.WriteString("}\n}\n\n")
	b.WriteString(e.model(unserved, validation, maxBody))
	b.WriteString(e.exceptions())
	doc := fmt.Sprintf("// Package %s holds the shapes of AWS's %s API.\n", e.service, e.m.Metadata.ServiceID)
	for _, p := range e.loose {
		doc += "//\n// Not checked, for Go cannot express it: " + p + "\n"
	}
	return e.header(doc) + b.String()
}

func (e *emitter) model(unserved []string, validation wire.ErrorCode, maxBody int64) string {
	md := e.m.Metadata
	var ps []string
	for _, p := range md.Protocols {
		switch {
		case p != "json":
			ps = append(ps, protocols[p])
		case md.JSONVersion == "1.0":
			ps = append(ps, "wire.JSON10")
		default:
			ps = append(ps, "wire.JSON11", "wire.CBOR11")
		}
	}
	signing := md.SigningName
	if signing == "" {
		signing = md.EndpointPrefix
	}
	return fmt.Sprintf(`// Model describes the service to the edge.
var Model = wire.Model{
	Name: %q, ServiceID: %q, SigningName: %q, EndpointName: %q, TargetPrefix: %q,
	APIVersion: %q, XMLNamespace: %q,
	Protocols: []wire.Protocol{%s},
	MaxBody: %d,
	Validation: wire.ErrorCode{Code: %q, Member: %q},
	Unserved: %#v,
	%s
}

`, e.service, md.ServiceID, signing, md.EndpointPrefix, md.TargetPrefix, md.APIVersion, md.XMLNamespace,
		strings.Join(ps, ", "), maxBody, validation.Code, validation.Member, unserved, e.unservedRoutes(unserved))
}

func (e *emitter) unservedRoutes(unserved []string) string {
	if !slices.Contains(e.m.Metadata.Protocols, "rest-xml") {
		return ""
	}
	var b strings.Builder
	b.WriteString("UnservedRoutes: []wire.Route{\n")
	for _, op := range unserved {
		h := e.m.Operations[op].HTTP
		fmt.Fprintf(&b, "{Name: %q, Method: %q, URI: %q},\n", op, h.Method, h.RequestURI)
	}
	b.WriteString("},")
	return b.String()
}

func (e *emitter) exceptions() string {
	var b strings.Builder
	b.WriteString("// Errors of the service's model.\nvar (\n")
	for _, name := range slices.Sorted(maps.Keys(e.m.Shapes)) {
		s := e.m.Shapes[name]
		if !s.Exception {
			continue
		}
		code, status, fault := name, 400, s.Fault
		if s.Error != nil {
			if s.Error.Code != "" {
				code = s.Error.Code
			}
			if s.Error.HTTPStatus != 0 {
				status = s.Error.HTTPStatus
			}
			fault = fault || s.Error.Fault
		}
		if fault && status == 400 {
			status = 500
		}
		member := "message"
		if s.Members.refs["Message"] != nil {
			member = "Message"
		}
		fmt.Fprintf(&b, "%s = wire.ErrorCode{Code: %q, Status: %d, Fault: %t, Member: %q}\n", exported(name), code, status, fault, member)
	}
	b.WriteString(")\n")
	return b.String()
}

// exported makes a Go name of a member's or shape's name.
func exported(name string) string {
	name = strings.ReplaceAll(name, "-", "_")
	return strings.ToUpper(name[:1]) + name[1:]
}

// constName makes the part of a constant's name that stands for the value v.
func constName(v string) string {
	up := true
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			up = true
			return -1
		}
		if up {
			up = false
			return unicode.ToUpper(r)
		}
		return r
	}, v)
}
