package main

import (
	"fmt"
	"strconv"
	"strings"
)

// byteSize is a flag like "4g", "1536m" or a number of bytes, in powers of 1024 as Java writes them.
type byteSize int64

// UnmarshalText makes it a flag.
func (b *byteSize) UnmarshalText(text []byte) error {
	s := strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(string(text), "iB"), "B"))
	shift := 0
	for i, unit := range []string{"k", "m", "g", "t"} {
		if rest, ok := strings.CutSuffix(s, unit); ok {
			s, shift = rest, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<(62-shift) {
		return fmt.Errorf("%q is no size; write 4g, 1536m or a number of bytes", text)
	}
	*b = byteSize(n << shift)
	return nil
}
