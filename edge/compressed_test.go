package edge

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"testing"

	"drey/wire"
)

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCompressedBodies(t *testing.T) {
	h := http.Header{"Content-Encoding": {"gzip"}}
	if got, err := plain(h, gzipped(t, []byte("Action=PutMetricData")), 1<<20); err != nil || string(got) != "Action=PutMetricData" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := plain(nil, []byte("as it is"), 1<<20); err != nil || string(got) != "as it is" {
		t.Errorf("%q, %v", got, err)
	}
	for name, raw := range map[string][]byte{"NoGzip": []byte("Action"), "CutOff": gzipped(t, []byte("Action=PutMetricData"))[:20]} {
		if _, err := plain(h, raw, 1<<20); !errors.Is(err, wire.SerializationException) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := plain(h, gzipped(t, make([]byte, 1<<20+1)), 1<<20); !errors.Is(err, wire.RequestTooLarge) {
		t.Errorf("too large when unpacked: %v", err)
	}
}
