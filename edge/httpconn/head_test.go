package httpconn

import (
	"bufio"
	"bytes"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

const put = "POST / HTTP/1.1\r\nHost: 127.0.0.1:4566\r\nX-Amz-Target: Kinesis_20131202.PutRecord\r\ncontent-type: application/x-amz-json-1.1\r\nContent-Length: 5\r\n\r\n"

// FuzzParse: a head that is read here means what net/http reads in it.
func FuzzParse(f *testing.F) {
	f.Add([]byte(put))
	for _, other := range foreign {
		f.Add([]byte(other))
	}
	f.Add([]byte("POST /service/Kinesis_20131202/operation/PutRecord HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: keep-alive\r\nA: b \r\na:\tc\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		end := bytes.Index(text, headEnd)
		if end < 0 {
			return
		}
		text = text[:end+len(headEnd)]
		got, ok := parse(text)
		if !ok {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			t.Fatalf("%q: net/http says %v", text, err)
		}
		if got.Method != want.Method || *got.URL != *want.URL || got.Proto != want.Proto || got.ProtoMajor != want.ProtoMajor || got.ProtoMinor != want.ProtoMinor ||
			got.Host != want.Host || got.ContentLength != want.ContentLength || got.RequestURI != want.RequestURI || got.Close != want.Close ||
			want.TransferEncoding != nil || want.Trailer != nil || !reflect.DeepEqual(got.Header, want.Header) {
			t.Errorf("%q\n got %+v\nwant %+v", text, got, want)
		}
	})
}

// foreign are heads for net/http.
var foreign = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /?Action=x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	"POST /a%2fb HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	"POST //a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	"POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	"POST http://b/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	strings.Replace(put, "Content-Length: 5\r\n", "", 1),
	strings.Replace(put, "Length: 5", "Length: +5", 1),
	strings.Replace(put, "Length: 5", "Length: 5, 5", 1),
	strings.Replace(put, "Length: 5", "Length: 99999999999999999999", 1),
	strings.Replace(put, "Length: 5", "Length: 1048577", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nContent-Length: 5", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nTransfer-Encoding: chunked", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nExpect: 100-continue", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nConnection: close", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nPragma: no-cache", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nA : b", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\n folded: b", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nA: b\rc", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nA: b\nc: d", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nA: \x00", 1),
	strings.Replace(put, "Length: 5", "Length: 5\r\nHost: b", 1),
	strings.Replace(put, "Host: 127.0.0.1:4566", "Host: a/b", 1),
	strings.Replace(put, "Host: 127.0.0.1:4566\r\n", "", 1),
}

func TestHeads(t *testing.T) {
	if _, ok := parse([]byte(put)); !ok {
		t.Error("a plain request is for net/http")
	}
	for _, other := range foreign {
		if r, ok := parse([]byte(other)); ok {
			t.Errorf("%q is read as %+v", other, r)
		}
	}
}
