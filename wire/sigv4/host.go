package sigv4

import (
	"net"
	"strings"
)

// VirtualBucket gives the bucket that a host name carries (S3 user guide, "Virtual hosting of buckets"): of
// <bucket>.s3.<region>.amazonaws.com, <bucket>.s3.amazonaws.com and <bucket>.s3.localhost…; "" for path-style hosts.
func VirtualBucket(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		return ""
	}
	labels := strings.Split(host, ".")
	for i := len(labels) - 1; i > 0; i-- {
		if l := labels[i]; l == "s3" || strings.HasPrefix(l, "s3-") || l == "s3express" {
			return strings.Join(labels[:i], ".")
		}
	}
	// <bucket>.localhost: what SDKs build of http://localhost:4566 in virtual-host style
	if bucket, ok := strings.CutSuffix(host, ".localhost"); ok && bucket != "" && !strings.HasPrefix(bucket, "s3") {
		return bucket
	}
	return ""
}
