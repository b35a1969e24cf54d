// Package crash holds no code, only the crash suite: the real binary, three
// replicas on one MariaDB or on three nodes of a Galera cluster, killed again and
// again while the fake platforms, a fake WeCom and the database misbehave. A store
// is at Meituan/Dianping in either generation, at Douyin, or at two of them, where
// some codes are sold at both.
//
// The referee reads what the fakes saw: the platforms' ledgers of effects and
// their logs of requests, the callbacks that were answered with 200, and the
// screens of the people. Our own database is looked at for one thing only,
// whether there is still work under way, so that a round is not judged early; and
// the times of what risk control keeps back are put back there, for nobody can wait
// for 48 hours.
//
//	go test ./internal/crash                             a few rounds
//	YANQUAN_TEST=all go test ./internal/crash            as many rounds as fit a CI run, and clusters
//	go test ./internal/crash -run TestRounds -crash.rounds=5000 -timeout 0
//	go test ./internal/crash -run TestGalera -crash.galera=1000 -timeout 0
//	go test ./internal/crash -run TestRounds -crash.seed=42   one round again; TestGalera has seeds of its own
//	go test -race ./internal/crash                       fewer rounds, replicas with the race detector
//	go test -tags mutants ./internal/crash -run TestMutants -v -timeout 0   programs with an invariant broken on purpose have to be found out
//
// -crash.lanes=2 plays fewer rounds at a time on a small machine, -crash.logs=DIR
// keeps what the replicas wrote.
//
// A seed fixes everything that is chosen: vouchers, people, what they say and
// press and when, faults, kills, trouble with the database, the replica of each
// callback. What it cannot fix is how processes, database and fakes interleave; a
// violation that hangs on that may take several runs of its seed
// (-crash.rounds=20 with a seed repeats that seed).
//
// What no source tells of the platform is drawn as well: how it answers a repeat, what
// it says where there is no record, how a times card is told, what something between
// makes of a call, whether Douyin's notices come. Left out is only what no client could
// settle.
//
// In about a quarter of the rounds the database suffers: gone for a while, killed
// and recovering, read-only, slow, or a connection lost before or after the server
// has answered a COMMIT. A full disk is left to the tests of package models.
//
// TestGalera gives each replica a node of its own. When that dies, the replica is
// led to another one (as by HAProxy with the other nodes as backup), or has to do
// without until the node is back. The product needs nothing but one address.
package crash
