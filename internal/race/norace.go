//go:build !race

package race

// Enabled is set by the compiler's flag.
const Enabled = false
