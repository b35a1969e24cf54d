package main

import (
	"slices"
	"time"
)

// series is one figure measured over and over.
type series []float64

func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	if len(sorted) == 0 {
		return 0
	}
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// spread is half the distance from the least to the greatest, as a share of the
// median.
func (s series) spread() float64 {
	if len(s) == 0 || s.median() == 0 {
		return 0
	}
	return (slices.Max(s) - slices.Min(s)) / 2 / s.median()
}

// over gives the ratio of each pair that was measured one after the other, so
// that a machine which slows down meanwhile slows both.
func (s series) over(reference series) series {
	ratios := make(series, len(s))
	for i := range s {
		ratios[i] = s[i] / reference[i]
	}
	return ratios
}

// interleave measures the sides in turn, A B C A B C, so often. A first turn
// warms up and does not count.
func interleave(repeats int, sides ...func() float64) []series {
	all := make([]series, len(sides))
	for turn := range repeats + 1 {
		for i, side := range sides {
			v := side()
			if turn > 0 {
				all[i] = append(all[i], v)
			}
		}
	}
	return all
}

// finely measures rates in turn as interleave does, but each as so many short ones
// with the others between: what a disk does for a second or two happens to all.
func finely(repeats, pieces int, sides ...func() float64) []series {
	all := make([]series, len(sides))
	for i, rates := range interleave(repeats*pieces, sides...) {
		for piece := range slices.Chunk(rates, pieces) {
			took := 0.0 // each piece is of about as much work
			for _, rate := range piece {
				took += 1 / rate
			}
			all[i] = append(all[i], float64(pieces)/took)
		}
	}
	return all
}

// quantile is the least duration that a share of all of them does not exceed.
func quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}
