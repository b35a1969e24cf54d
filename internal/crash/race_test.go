//go:build race

package crash

// raceDetector: a test with the race detector runs replicas with it.
const raceDetector = true
