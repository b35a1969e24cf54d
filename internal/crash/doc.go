// Package crash holds no code, only the crash suite: the real binary, three
// replicas on one MariaDB, killed again and again while a fake platform and a
// fake WeCom misbehave.
//
// The referee reads what the fakes saw: the platform's ledger of effects and
// its log of requests, the callbacks that were answered with 200, and the
// screens of the people. Our own database is looked at for one thing only,
// whether there is still work under way, so that a round is not judged early.
//
//	go test ./internal/crash                             as many rounds as fit a CI run
//	go test ./internal/crash -crash.rounds=5000 -timeout 0
//	go test ./internal/crash -run TestRounds -crash.seed=42   one round again
//	go test -race ./internal/crash                       fewer rounds, replicas with the race detector
//
// A seed fixes everything that is chosen: vouchers, people, what they say and
// press and when, faults, kills, the replica of each callback. What it cannot
// fix is how three processes, a database and two fakes interleave; a violation
// that hangs on that may take several runs of its seed (-crash.rounds=20 with a
// seed repeats that seed).
package crash
