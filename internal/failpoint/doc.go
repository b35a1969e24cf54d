// Package failpoint lets a test kill the process at a named point. Only a binary
// built with the tag "failpoints" contains it: in every other one [Hit] is an
// empty function that the compiler removes.
//
// The environment variable YANQUAN_FAILPOINT chooses the point: "name", or
// "name:3" for the third time it is passed. The process then dies of SIGKILL, as
// it would by a power cut: nothing is flushed, deferred or answered.
package failpoint

// Env names the environment variable that chooses a point.
const Env = "YANQUAN_FAILPOINT"
