package awsxml_test

import (
	"reflect"
	"testing"

	"drey/model/s3"
	"drey/wire/awsxml"
	"drey/wire/shape"
)

func decode(body string, v any) error {
	return awsxml.Decode([]byte(body), reflect.ValueOf(v).Elem(), shape.Of(v))
}

func encode(name string, v any) string {
	var w awsxml.Writer
	w.Element(name, "", reflect.ValueOf(v).Elem(), shape.Of(v))
	return string(w.Bytes())
}

func TestFlatListsBothWays(t *testing.T) {
	const doc = `<Delete><Object><Key>a</Key></Object><Object><Key>b &amp; c</Key><VersionId>1</VersionId></Object><Quiet>true</Quiet></Delete>`
	var d s3.Delete
	if err := decode(`<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><!-- c --><X>1</X>`+doc[len("<Delete>"):], &d); err != nil {
		t.Fatal(err)
	}
	if got := encode("Delete", &d); got != doc {
		t.Errorf("got  %s\nwant %s", got, doc)
	}
}

func TestNestedLists(t *testing.T) {
	var tags s3.Tagging
	if err := decode(`<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value/></Tag></TagSet></Tagging>`, &tags); err != nil {
		t.Fatal(err)
	}
	if len(tags.TagSet) != 2 || *tags.TagSet[1].Key != "l" || *tags.TagSet[1].Value != "" {
		t.Errorf("got %+v", tags)
	}
}

func TestMalformed(t *testing.T) {
	for _, body := range []string{"<a", "<a></b>", "<a/><b/>", "<Delete><Quiet>maybe</Quiet></Delete>", "<Delete>"} {
		var d s3.Delete
		if err := decode(body, &d); err == nil {
			t.Errorf("%s was taken", body)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`<CompleteMultipartUpload><Part><ETag>"x"</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>`)
	f.Fuzz(func(t *testing.T, body string) {
		var in, again s3.CompletedMultipartUpload
		if decode(body, &in) != nil {
			return
		}
		if err := decode(encode("CompleteMultipartUpload", &in), &again); err != nil {
			t.Errorf("own encoding refused: %v", err)
		}
		if len(in.Parts) != len(again.Parts) {
			t.Errorf("%d parts became %d", len(in.Parts), len(again.Parts))
		}
	})
}
