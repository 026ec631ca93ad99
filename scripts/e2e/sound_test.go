package e2e_test

import "math"

// tone is a second and a half of a tone, in 16-bit samples for one channel, or
// three quarters for two.
func tone(rate int, hz float64) []int16 {
	samples := make([]int16, rate*3/2)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return samples
}
