package kinesis

import "math"

// A spread has sixteen steps for each doubling, so that what it gives back is within about three percent of the sample.
const (
	spreadBits  = 4
	spreadSteps = 1 << spreadBits
	spreadLeast = -10 // powers of two: from a microsecond, if the samples are milliseconds,
	spreadMost  = 20  // to a quarter of an hour
)

// spread counts samples by their size. Larger and smaller ones are in the last and the first step.
type spread [(spreadMost - spreadLeast) * spreadSteps]uint32

const (
	mantissaBits = 52
	exponentBias = 1023
	spreadFirst  = (exponentBias + spreadLeast) * spreadSteps
)

// add counts v, which is not negative. The upper bits of a positive number are its exponent and the beginning of its
// mantissa: they are the step.
func (s *spread) add(v float64) {
	step := int(math.Float64bits(v)>>(mantissaBits-spreadBits)) - spreadFirst
	s[min(max(step, 0), len(s)-1)]++
}

// values gives the middles of the steps that have samples, and how many. They lie between least and most.
func (s *spread) values(least, most float64) (values, counts []float64) {
	for step, n := range s {
		if n == 0 {
			continue
		}
		middle := math.Float64frombits(uint64(step+spreadFirst)<<(mantissaBits-spreadBits) | 1<<(mantissaBits-spreadBits-1))
		values = append(values, min(max(middle, least), most))
		counts = append(counts, float64(n))
	}
	return values, counts
}
