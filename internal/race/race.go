//go:build race

// Package race says whether the race detector is on, under which everything takes
// several times as long.
package race

// Enabled is set by the compiler's flag.
const Enabled = true
