package sigv4_test

import (
	"testing"

	"drey/wire/sigv4"
)

// TestVirtualBucket has the addresses of the S3 user guide, "Virtual hosting of buckets", and those of local tools.
func TestVirtualBucket(t *testing.T) {
	for host, want := range map[string]string{
		"my-flink-apps.s3.us-east-1.amazonaws.com": "my-flink-apps", "a.b.s3.amazonaws.com:443": "a.b", "b.s3-eu-west-1.amazonaws.com": "b",
		"s3.us-east-1.amazonaws.com": "", "127.0.0.1:4566": "", "[::1]:4566": "", "localhost:4566": "", "b.localhost:4566": "b", "b.s3.localhost": "b",
	} {
		if got := sigv4.VirtualBucket(host); got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
}
